-- Enters an envelope whose body is already set into the index, once. A body without an end has not
-- been entered yet; one that has gets an end here, and says so for as long as it or its place is kept.
-- KEYS body, meta, index; ARGV arrival, lifetime of the body in ms, address, least position
-- Returns the position, 0 for a repeat.
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
local position = redis.call('HINCRBY', KEYS[2], 'head', 1)
if tonumber(ARGV[4]) > position then
  position = tonumber(ARGV[4])
  redis.call('HSET', KEYS[2], 'head', ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[3], string.format('%.0f-', position) .. ARGV[1], 'a', ARGV[3])
return position
