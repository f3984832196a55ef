-- KEYS statements; ARGV name, serial as 16 hex digits, JSON. Returns 0 where something newer stands.
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and stored ~= ARGV[2] .. ARGV[3] and string.sub(stored, 1, 16) >= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3])
return 1
