-- Spends of a token, write-once: a repeat of what was spent on before is no second spending.
-- KEYS token; ARGV what (32 bytes) with its share as a last byte, shares of a token, seconds.
-- Returns 1 where it may be, else 0.
local spent, what = redis.call('GET', KEYS[1]) or '', ARGV[1]
local left = tonumber(ARGV[2])
for at = 1, #spent, 33 do
  if string.sub(spent, at, at + 31) == string.sub(what, 1, 32) then return 1 end
  left = left - string.byte(spent, at + 32)
end
if string.byte(what, 33) > left then return 0 end
redis.call('SET', KEYS[1], spent .. what, 'EX', ARGV[3])
return 1
