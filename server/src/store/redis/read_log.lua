#!lua flags=no-writes
-- KEYS log, acks; ARGV from, number. Returns the next position and the records.
local first = tonumber(redis.call('HGET', KEYS[2], 'first') or '0')
local next = first + redis.call('LLEN', KEYS[1])
local from = math.max(tonumber(ARGV[1]), first) - first
local last = from + tonumber(ARGV[2]) - 1
return {next, redis.call('LRANGE', KEYS[1], string.format('%.0f', from), string.format('%.0f', last))}
