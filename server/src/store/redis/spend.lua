#!lua flags=allow-oom
-- Drainers sign every request, and have to get through to a Redis that is full. KEYS token; ARGV seconds
return redis.call('SET', KEYS[1], '', 'NX', 'EX', ARGV[1]) and 1 or 0
