#!lua flags=allow-oom
-- Remembers what one device holds and deletes what all devices hold, but never the newest record.
-- KEYS log, acks; ARGV position, device, devices...
local first = tonumber(redis.call('HGET', KEYS[2], 'first') or '0')
local next = first + redis.call('LLEN', KEYS[1])
local position = math.min(tonumber(ARGV[1]), next)
if position <= tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0') then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], string.format('%.0f', position))
if #ARGV < 3 then return 0 end
local floor = next - 1
for i = 3, #ARGV do
  floor = math.min(floor, tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0'))
end
if floor > first then
  redis.call('LTRIM', KEYS[1], string.format('%.0f', floor - first), -1)
  redis.call('HSET', KEYS[2], 'first', string.format('%.0f', floor))
end
return 1
