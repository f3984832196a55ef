#!lua flags=allow-oom
-- Deletes a step of what arrived before a time. KEYS meta, index; ARGV before, body prefix
local rows = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 256)
local deleted = 0
for _, row in ipairs(rows) do
  local position, arrived = string.match(row[1], '(%d+)-(%d+)')
  if tonumber(arrived) >= tonumber(ARGV[1]) then break end
  redis.call('UNLINK', ARGV[2] .. row[2][2])
  redis.call('XDEL', KEYS[2], row[1])
  if tonumber(position) > tonumber(redis.call('HGET', KEYS[1], 'floor') or '0') then
    redis.call('HSET', KEYS[1], 'floor', position)
  end
  deleted = deleted + 1
end
return deleted == 256 and 1 or 0
