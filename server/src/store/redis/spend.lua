#!lua flags=allow-oom
-- Remembers a token with the number of the call that spent it, so that a repeated call is no second
-- spending; also where memory is full: what makes room is signed with such a token.
-- KEYS token; ARGV call, seconds. Returns 1 for the call that spent it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
