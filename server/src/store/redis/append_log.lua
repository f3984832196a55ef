#!lua flags=allow-oom
-- KEYS log, acks; ARGV position, record. Returns 0 where another record stands or one before is missing.
local position = tonumber(ARGV[1])
local first = tonumber(redis.call('HGET', KEYS[2], 'first') or '0')
local length = redis.call('LLEN', KEYS[1])
if position == first + length then
  redis.call('RPUSH', KEYS[1], ARGV[2])
  return 1
end
if position < first or position > first + length then return 0 end
return redis.call('LINDEX', KEYS[1], position - first) == ARGV[2] and 1 or 0
