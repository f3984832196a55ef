#!lua flags=allow-oom
-- Gives a slot its number, once; also where memory is full, since a reader needs it. KEYS meta; ARGV seed
return redis.call('HSETNX', KEYS[1], 'seed', ARGV[1])
