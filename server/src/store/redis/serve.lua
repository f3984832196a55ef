-- Notes a page that is written and serves its cycle once all are. The cycle served before stays
-- readable for those who have just learnt its number; older ones are to go.
-- KEYS meta, cycles, bits of the cycle; ARGV cycle, page, number of pages, field, key prefix of bits
-- Returns 0 for a cycle that is past, else 1, then each cycle to delete with how many pages it may have.
local served = tonumber(redis.call('HGET', KEYS[1], ARGV[4]) or '0')
local cycle = tonumber(ARGV[1])
if cycle < served then return {0} end
redis.call('SETBIT', KEYS[3], ARGV[2], 1)
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[1])
if cycle == served or redis.call('BITCOUNT', KEYS[3]) < tonumber(ARGV[3]) then return {1} end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[1])
local answer = {1}
local older = '(' .. string.format('%.0f', math.max(served, 0))
if served == 0 then older = '(' .. ARGV[1] end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', older)) do
  answer[#answer + 1] = tonumber(old)
  answer[#answer + 1] = 8 * redis.call('STRLEN', ARGV[5] .. old)
end
return answer
