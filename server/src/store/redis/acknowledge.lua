#!lua flags=allow-oom
-- Remembers how far one device has read and deletes a step of what all drainers have read; also where
-- memory is full, since this is what makes room. What is left of a body is its name, so that a repeat
-- is known.
-- KEYS meta, acks, index; ARGV position, body prefix, device, drainers...
-- Returns -1 for a position never given out, 1 while there is more to delete, else 0.
local position = tonumber(ARGV[1])
if position > tonumber(redis.call('HGET', KEYS[1], 'head') or '0') then return -1 end
if position > tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or '0') then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
end
if #ARGV < 4 then return 0 end
local floor = position
for i = 4, #ARGV do
  floor = math.min(floor, tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0'))
end
local last = string.format('%.0f-18446744073709551615', floor)
local rows = redis.call('XRANGE', KEYS[3], '-', last, 'COUNT', 256)
for _, row in ipairs(rows) do
  redis.call('SET', ARGV[2] .. row[2][2], '', 'XX', 'KEEPTTL')
  redis.call('XDEL', KEYS[3], row[1])
end
return #rows == 256 and 1 or 0
