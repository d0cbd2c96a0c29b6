-- note.lua: writes a note (three arguments) or reads it (one). Its end lies in it, by the
-- same clock that reads it; the time to live has slack and only cleans up.
--
-- KEYS 1 the note; ARGV clock or 0 and, to write, microseconds from now, value. Answers the value or false.

local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
if #ARGV == 3 then
  local ends = string.format('%.0f', now + tonumber(ARGV[2]))
  redis.call('HSET', KEYS[1], 'e', ends, 'd', ARGV[3])
  redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2]) / 1000000) + 2 * 3600)
  return false
end
local v = redis.call('HMGET', KEYS[1], 'e', 'd')
if not v[1] or tonumber(v[1]) <= now then return false end
return v[2]
