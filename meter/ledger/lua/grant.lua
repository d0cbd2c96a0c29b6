-- grant.lua: Granter.Grant on one owner's budget, behind gifts.lua. That it was carried out is written before what is
-- given: a server that stops half-way must rather have given too little.
--
-- call.gift is { id, ms, most, times }: the bounds of what is granted in all, and of the minutes of a rolling window.
-- Answers 'clock' now · 'ok' now, word, done, before, after, balances. The words: given; again, it was before; other, the id
-- stands for something else; most, times, a bound is reached; none, there is nothing to take back.

if wrongClock() then return { 'clock', now } end
local sc, gift = call.scopes[1], call.gift
local h = holdFor(sc, {})

local function said(word, done, before, after)
  return { 'ok', now, word, done, before, after, readBalances(call.scopes, {}) }
end

local raw = redis.call('GET', giftKey(gift.id))
if raw then
  local m = cmsgpack.unpack(raw)
  if m.b ~= sc.budget or m.u ~= sc.unit or m.asked ~= gift.ms then return said('other', 0, 0, 0) end
  return said('again', m.ms, m.before, m.after)
end

local x = balance(h)
local first, minute, ends = 0, 0, h.e
if h.u == 'rolling' then first, minute, ends = firstMinute(sc.length), math.floor(second / 60), second + sc.length end
local gifts = {}
for _, p in ipairs(giftsOf(x)) do
  if h.u ~= 'rolling' or p[1] >= OLDEST_GIFT then gifts[#gifts + 1] = { p[1], p[2] } end
end
local before, done = giftsFrom(x, first), gift.ms
if gift.ms < 0 then
  if before == 0 then return said('none', 0, 0, 0) end
  done = math.max(gift.ms, -before)
  takeGift(gifts, first, -done)
else
  if before + gift.ms > gift.most then return said('most', 0, before, before) end
  addGift(gifts, minute, gift.ms)
  if #gifts > gift.times then return said('times', 0, before, before) end
end
local after = before + done
writeGiftMark(gift.id, { b = sc.budget, u = sc.unit, asked = gift.ms, ms = done, before = before, after = after, e = ends + KEEP_USAGE })
writeGifts(x, gifts)
return said('given', done, before, after)
