-- once.lua: writes a note where none stands, as note.lua does. One with the same value is the
-- caller's own: whoever lost the answer and asks again is still the first.
--
-- KEYS 1 the note; ARGV clock or 0, microseconds from now, value. Answers 1 for the first, 0 for others.

local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local v = redis.call('HMGET', KEYS[1], 'e', 'd')
if v[1] and tonumber(v[1]) > now then
  return v[2] == ARGV[3] and 1 or 0
end
local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'e', ends, 'd', ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2]) / 1000000) + 2 * 3600)
return 1
