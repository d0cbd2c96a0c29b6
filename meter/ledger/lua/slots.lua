-- slots.lua: how many of an owner's places a gateway takes. A hash, a field to a gateway:
--
--	GATEWAY -> NUMBER:COUNT   the newest call and what it left; none where that is 0
--	n -> COUNT                the sum of all, so that a call need not read every gateway
--
-- The count is absolute: the gateway has held places, and wants more of them if the limit
-- allows. So a call may be repeated. One that comes late is refused, by its
-- number where a newer was carried out, and by its time where nothing is left to tell.
--
-- KEYS 1 the hash, 2 never there: see book.lua. ARGV clock or 0, until when it is meant,
-- gateway, number, held, more, limit (0: none), and of gateways found dead each field and value:
-- one that has come back since has another value and stays.
-- Answers 'late' now · 'old' now · 'ok' now, places taken by the gateway,
-- and where that is less than wanted, the fields of the others.

local KEEP = 26 * 3600 -- a living gateway tells its count again within the hour

local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
if now > tonumber(ARGV[2]) then return { 'late', now } end

local key, gateway, number = KEYS[1], ARGV[3], tonumber(ARGV[4])
local held, more, limit = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function read(v)
  local a, b = string.match(v or '0:0', '^(%d+):(%d+)$')
  return tonumber(a), tonumber(b)
end

local mine = redis.call('HGET', key, gateway)
local newest, count = read(mine)
if mine and newest >= number then return { 'old', now } end

local gone = {}
for i = 8, #ARGV, 2 do
  if redis.call('HGET', key, ARGV[i]) == ARGV[i + 1] then gone[#gone + 1] = ARGV[i] end
end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end

local others, list = 0, {}
local function readAll()
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if all[i] ~= 'n' and all[i] ~= gateway then
      local _, c = read(all[i + 1])
      others = others + c
      list[#list + 1], list[#list + 2] = all[i], all[i + 1]
    end
  end
end

local most = held + more
if #gone > 0 then
  readAll()
else
  others = math.max(tonumber(redis.call('HGET', key, 'n') or 0) - count, 0)
  if limit > 0 and more > 0 and others + most > limit then
    others = 0
    readAll()
  end
end
local taken = most
if limit > 0 and more > 0 then taken = math.max(held, math.min(most, limit - others)) end

if taken + others == 0 then
  redis.call('DEL', key)
else
  if taken == 0 then
    redis.call('HDEL', key, gateway)
    redis.call('HSET', key, 'n', others)
  else
    redis.call('HSET', key, gateway, ARGV[4] .. ':' .. string.format('%.0f', taken), 'n', others + taken)
  end
  redis.call('EXPIRE', key, KEEP)
end
if taken == most then list = {} end
return { 'ok', now, taken, list }
