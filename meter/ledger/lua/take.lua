-- take.lua: Mover.Import of one owner's entries, behind book.lua and gifts.lua. Beside the owner's records lies how
-- many entries of an import it has taken: the number of an entry is its place in the file, and
-- whatever comes again is passed by. Streams and minutes are as book.lua has them.
--
-- The count is written last: a server that stops half-way has charged too much.
-- ARGV 2 and on are the data of records. Answers 'ok' now, and a word for each entry: 'before', or
-- 'taken', 'kept' (the owner's own record stays), 'over' (nothing counts it any more).

local count = base .. 'import'
local done = tonumber(redis.call('HGET', count, call.id) or 0)
local states, given, giftMarks = {}, {}, {}

local take = {}

function take.state(e)
  local key = base .. 'state'
  if redis.call('EXISTS', key) == 1 then return 'kept' end
  states[#states + 1] = { key, e.version, ARGV[e.data + 2] }
  return 'taken'
end

function take.balance(e)
  if e.h.e + KEEP_USAGE <= second then return 'over' end
  move(e.h, e.ms, 0, second)
  return 'taken'
end

function take.minutes(e)
  if (e.hour + 1) * 3600 + KEEP_USAGE + 60 <= second then return 'over' end
  for i, ms in ipairs(e.minutes or {}) do addMinute(e.name, e.hour * 3600 + (i - 1) * 60, ms) end
  return 'taken'
end

function take.stream(e)
  if streams[e.stream] or marks[e.stream] or readStream(e.stream) or readMark(e.stream) then return 'kept' end
  local s = e.record
  for _, h in ipairs(s.h) do move(h, 0, h.f + h.g - s.s, second) end
  if s.k > second then
    streams[e.stream] = s
    return 'taken'
  end
  call.own, call.user = e.own, s.u
  local spent = math.max(s.s, s.p) -- nobody came in time
  close(e.stream, s, spent, math.max(s.w or 0, spent), s.n, true)
  return 'over'
end

function take.settled(e)
  if streams[e.stream] or marks[e.stream] or readStream(e.stream) or readMark(e.stream) then return 'kept' end
  if e.ends <= second then return 'over' end
  marks[e.stream] = { ttl = e.ends - second + SLACK, final = true, charged = 0, g = {} }
  return 'taken'
end

function take.granted(e)
  local x, counts = balance(e.h), false
  local gifts = giftsOf(x)
  for _, p in ipairs(e.gifts or {}) do
    if e.h.u == 'rolling' and p[1] >= OLDEST_GIFT or e.h.u ~= 'rolling' and e.h.e + KEEP_USAGE > second then
      addGift(gifts, p[1], p[2])
      given[x], counts = gifts, true
    end
  end
  return counts and 'taken' or 'over'
end

function take.grant(e)
  if giftMarks[e.id] or redis.call('EXISTS', giftKey(e.id)) == 1 then return 'kept' end
  if e.ends <= second then return 'over' end
  giftMarks[e.id] = e.mark
  return 'taken'
end

local out = {}
for i, e in ipairs(call.entries) do
  if e.number <= done then
    out[i] = 'before'
  else
    out[i] = take[e.kind](e)
    done = e.number
  end
end
commit()
for id, m in pairs(giftMarks) do writeGiftMark(id, m) end
for x, gifts in pairs(given) do writeGifts(x, gifts) end
for _, s in ipairs(states) do redis.call('HSET', s[1], 'v', s[2], 'd', s[3], 't', '') end
redis.call('HSET', count, call.id, digits(done))
redis.call('EXPIRE', count, call.keep)
return { 'ok', now, out }
