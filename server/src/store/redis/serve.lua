-- Serves a cycle once all of its pages are written. The cycle served before stays readable for
-- those who have just learnt its number; older ones go.
-- KEYS pages of the cycle, meta, cycles; ARGV cycle, number of pages, field, key prefix of cycles
local served = redis.call('HGET', KEYS[2], ARGV[3])
local cycle = tonumber(ARGV[1])
if served and cycle < tonumber(served) then
  redis.call('UNLINK', KEYS[1])
  return 0
end
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[1])
if redis.call('HLEN', KEYS[1]) < tonumber(ARGV[2]) then return 0 end
if served and cycle <= tonumber(served) then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[1])
local older = '(' .. (served or ARGV[1])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', older)) do
  redis.call('UNLINK', ARGV[4] .. old)
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', older)
return 1
