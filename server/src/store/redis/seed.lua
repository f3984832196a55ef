#!lua flags=allow-oom
-- Draws the line's seed once. KEYS meta; ARGV a random number
redis.call('HSETNX', KEYS[1], 'seed', ARGV[1])
return redis.call('HGET', KEYS[1], 'seed')
