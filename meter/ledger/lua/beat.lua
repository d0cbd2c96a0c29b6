-- beat.lua: which gateways live. A sorted set of their last heartbeats, by the server's
-- clock, in microseconds; what is older than age is gone.
--
-- KEYS 1 the set, 2 never there: see book.lua. ARGV clock or 0, age, the gateway that
-- shows that it lives or '', and the gateways that are asked for.
-- Answers 'ok' now, 1 where the gateway was not known to live, and those asked for that do not live.

local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local function digits(n) return string.format('%.0f', n) end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. digits(now - tonumber(ARGV[2])))
local fresh = 0
if ARGV[3] ~= '' then
  if not redis.call('ZSCORE', KEYS[1], ARGV[3]) then fresh = 1 end
  redis.call('ZADD', KEYS[1], digits(now), ARGV[3])
  redis.call('EXPIRE', KEYS[1], 86400)
end
local dead = {}
for i = 4, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then dead[#dead + 1] = ARGV[i] end
end
return { 'ok', now, fresh, dead }
