-- gateways.lua: who runs on the store, so that its day is not exported under them. A gateway says
-- so again and again, and is taken for dead when it has not for a while.
--
-- KEYS 1 a hash: "starts" is how many ever began, an id has the second and a name for people.
-- ARGV clock or 0, and to come, or stay: id, name; to leave: id. Answers now, starts, the names.

local ALIVE = 30 -- three times what a gateway waits between two words
local KEEP = 60 * 86400

local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local second = math.floor(now / 1000000)
local id, name = ARGV[2], ARGV[3]

if name then
  if redis.call('HEXISTS', KEYS[1], id) == 0 then redis.call('HINCRBY', KEYS[1], 'starts', 1) end
  redis.call('HSET', KEYS[1], id, string.format('%d %s', second, name))
  redis.call('EXPIRE', KEYS[1], KEEP)
elseif id then
  redis.call('HDEL', KEYS[1], id)
end

local starts, names = 0, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] == 'starts' then
    starts = tonumber(all[i + 1])
  else
    local at, who = string.match(all[i + 1], '^(%d+) (.*)$')
    if tonumber(at) + ALIVE >= second then
      names[#names + 1] = who
    elseif name then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
return { now, starts, names }
