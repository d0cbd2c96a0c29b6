-- state.lua: replaces a user's record if its version is still the one that was read.
-- The writer's mark lies beside it: whoever lost the answer and asks again has
-- written already, and is no conflict.
--
-- KEYS 1 the record; ARGV version, data, mark. With the layout fair_use there are 2 a backend's
-- cache of the user's stage, and the stage and its seconds to live behind the mark.
-- Answers {1 or 0, version as it stands}.

local v = redis.call('HMGET', KEYS[1], 'v', 't')
local version = tonumber(v[1] or 0)
if v[2] == ARGV[3] then return { 1, version } end
if version ~= tonumber(ARGV[1]) then return { 0, version } end
redis.call('HSET', KEYS[1], 'v', version + 1, 'd', ARGV[2], 't', ARGV[3])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5]) end
return { 1, version + 1 }
