-- remind.lua: Reminders. One set has when each is due, in microseconds, one hash what it says.
--
-- KEYS 1 the set, 2 the hash; ARGV 1 what is to be done, and behind it:
--
--	remind   key, value, when: keeps it
--	take     key, value, when: keeps it where none of the key stands; answers 1, or 0
--	due      clock or 0, how many, for how long in microseconds: answers {key, value, ...} of those whose time has come, and puts them off
--	forget   key, value: takes it away if it still says that

local what = ARGV[1]
if what == 'due' then
  local now = tonumber(ARGV[2])
  if now == 0 then
    local t = redis.call('TIME')
    now = tonumber(t[1]) * 1000000 + tonumber(t[2])
  end
  local out, later = {}, string.format('%.0f', now + tonumber(ARGV[4]))
  for _, k in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[3])) do
    local v = redis.call('HGET', KEYS[2], k)
    if v then
      out[#out + 1] = k
      out[#out + 1] = v
      redis.call('ZADD', KEYS[1], later, k)
    else
      redis.call('ZREM', KEYS[1], k)
    end
  end
  return out
end

local k, value = ARGV[2], ARGV[3]
if what == 'forget' then
  if redis.call('HGET', KEYS[2], k) ~= value then return 0 end
  redis.call('ZREM', KEYS[1], k)
  redis.call('HDEL', KEYS[2], k)
  return 1
end
if what == 'take' and redis.call('HEXISTS', KEYS[2], k) == 1 then return 0 end
redis.call('HSET', KEYS[2], k, value)
redis.call('ZADD', KEYS[1], ARGV[4], k)
return 1
