#!lua flags=allow-oom
-- Deletes a step of what arrived before a time. KEYS index; ARGV before, body prefix
local rows = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 256)
local deleted = 0
for _, row in ipairs(rows) do
  if tonumber(string.match(row[1], '-(%d+)')) >= tonumber(ARGV[1]) then break end
  redis.call('SET', ARGV[2] .. row[2][2], '', 'XX', 'KEEPTTL')
  redis.call('XDEL', KEYS[1], row[1])
  deleted = deleted + 1
end
return deleted == 256 and 1 or 0
