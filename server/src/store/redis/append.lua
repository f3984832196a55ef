-- Enters an envelope whose body is already set into the index, once.
-- KEYS body, mark, meta, index; ARGV arrival, lifetime of the mark in ms, address, least position
-- Returns the position, 0 for a repeat.
local position = redis.call('GET', KEYS[2])
if position then
  -- A repeat of something already read and deleted must not leave its body behind.
  local floor = tonumber(redis.call('HGET', KEYS[3], 'floor') or '0')
  if tonumber(position) <= floor then redis.call('UNLINK', KEYS[1]) end
  return 0
end
position = redis.call('HINCRBY', KEYS[3], 'head', 1)
if tonumber(ARGV[4]) > position then
  position = tonumber(ARGV[4])
  redis.call('HSET', KEYS[3], 'head', ARGV[4])
end
redis.call('SET', KEYS[2], string.format('%.0f', position), 'PX', ARGV[2])
redis.call('XADD', KEYS[4], string.format('%.0f-', position) .. ARGV[1], 'a', ARGV[3])
return position
