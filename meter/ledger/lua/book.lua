-- book.lua: the algorithm of book.go, on the records of one owner. It is put in
-- front of lease.lua, settle.lua, usage.lua and trim.lua, and of gifts.lua; doc.go tells the steps.
--
-- One owner's keys share a slot, so a script sees all that it needs at one instant:
--
--	{owner}:stream:ID        what a stream holds here                (packed)
--	{owner}:settled:ID       it is over: final or not, charged, tags (packed)
--	{owner}:open             when each stream is given up, by second (sorted set)
--	{owner}:budget:B:U:W     spent and in hand in one window; granted (hash s, h; g)
--	{owner}:rolling:B        minutes spent, an hour to a field       (hash)
--	{owner}:audio            minutes forwarded; a user's own         (hash)
--	{owner}:speech           minutes of speech; likewise, if any     (hash)
--	{owner}:state            the policy's record; a user's own       (hash v, d, t)
--
-- KEYS are a stream's record and its mark, of which one is always missing: a Cluster refuses
-- such a call while it moves the slot (TRYAGAIN). With one key it would run it where the slot
-- is going, without the balances that have not come yet: a budget given out twice.
--
-- Everything is read first, into tables; nothing is written before the call has
-- come to its end, so that a read which fails leaves nothing half done.
--
-- Written is in this order, for a server that stops half-way must rather have
-- charged too much: 1. balances that grow, 2. streams and marks, which make a repeated
-- call harmless, 3. balances that shrink: given back twice would be given away.

local KEEP_USAGE = 8 * DAY    -- as keepUsage
local KEEP_SETTLED = 2 * 3600 -- as keepSettled
local SLACK = 2 * 3600        -- on every time to live: clocks of nodes differ
local GIVE_UP = 25 * 3600     -- a stream that nobody leased for so long is charged
local GIVE_UP_STEP = 600      -- and not to the second, so that most leases need not write when
local LAPSE_STEP = 4          -- such streams closed with one call

-- The caller knows zones and calendars and sends the windows around the time it
-- believes it is; the server knows the time.
local function wrongClock()
  for _, c in pairs(call.calendar) do
    if second < c.from or second + DAY >= c.windows[#c.windows][2] then return true end
  end
  return false
end

local function windowAt(unit, at)
  for _, w in ipairs(call.calendar[unit].windows) do
    if at < w[2] then return w[1], w[2] end
  end
end

-- Balances.

local balances = {}

local function balanceKey(budget, unit, window)
  return base .. 'budget:' .. budget .. ':' .. unit .. ':' .. digits(window)
end

-- balance is that of a hold, whose window never changes: its name is written once for each.
local found = {}

local function balance(h)
  local x = found[h]
  if x then return x end
  local k = balanceKey(h.b, h.u, h.w)
  x = balances[k]
  if not x then
    local v = redis.call('HMGET', k, 's', 'h', 'g')
    x = { key = k, old = v[1] and true or false, s = tonumber(v[1] or 0), h = tonumber(v[2] or 0), g = v[3], unit = h.u, ends = h.e }
    fairDay(x, h)
    x.s0, x.h0 = x.s, x.h
    balances[k] = x
  end
  found[h] = x
  return x
end

-- What is granted beside a limit lies with its balance; most have nothing. gifts.lua writes it.

local OLDEST_GIFT = math.floor((second - KEEP_USAGE) / 60)

local function giftsOf(x)
  if not x.gifts then x.gifts = x.g and cmsgpack.unpack(x.g) or {} end
  return x.gifts
end

-- giftsFrom adds up from a minute on.
local function giftsFrom(x, first)
  local sum = 0
  if not x.g then return sum end
  for _, p in ipairs(giftsOf(x)) do
    if p[1] >= first then sum = plus(sum, p[2]) end
  end
  return sum
end

-- Minutes, an hour to a field.

local series = {}

local function seriesOf(name)
  local k = base .. name
  local s = series[k]
  if not s then
    s = { key = k, hours = {}, changed = {}, whole = false, grown = false }
    series[k] = s
  end
  return s
end

local function hourOf(s, hour)
  local m = s.hours[hour]
  if m == nil then
    local v = (not s.whole) and redis.call('HGET', s.key, digits(hour))
    m = v and cmsgpack.unpack(v) or {}
    s.grown = s.grown or not v
    s.hours[hour] = m
  end
  return m
end

local function addMinute(name, at, ms)
  if ms == 0 then return end
  local minute = math.floor(at / 60)
  if fairMinute(name, minute, ms) then return end
  local hour = math.floor(minute / 60)
  local s = seriesOf(name)
  local m = hourOf(s, hour)
  local i = minute - hour * 60
  m[i] = plus(m[i] or 0, ms)
  s.changed[hour] = m
end

-- sumMinutes adds up from the minute first on, later ones than now's included.
local function sumMinutes(name, first)
  local s = seriesOf(name)
  if not s.whole then
    local all = redis.call('HGETALL', s.key)
    for i = 1, #all, 2 do
      local hour = tonumber(all[i])
      if s.hours[hour] == nil then s.hours[hour] = cmsgpack.unpack(all[i + 1]) end
    end
    s.whole = true
  end
  local sum, oldest = fairSum(name, first), -1
  local from = math.floor(first / 60)
  for hour, minutes in pairs(s.hours) do
    if hour >= from then
      for i, ms in pairs(minutes) do
        local minute = hour * 60 + i
        if ms > 0 and minute >= first then
          sum = plus(sum, ms)
          if oldest < 0 or minute < oldest then oldest = minute end
        end
      end
    end
  end
  return sum, oldest
end

local function firstMinute(length) return math.floor((now - length * 1000000) / 60000000) end

-- Streams: u user, s spent, c ceiling, p peak, o peak before the newest lease, n seen,
-- k kept until, d what the sorted set says, q the newest lease's number, g owners of its other
-- budgets, h holds, w speech (words): nil for none, which is most streams and all of older versions.
-- A hold: b budget, u unit, w window, e its end, f base (from), g granted.

local function streamKey(id) return base .. 'stream:' .. id end
local function markKey(id) return base .. 'settled:' .. id end

local function readStream(id)
  local raw = redis.call('GET', streamKey(id))
  if not raw then return nil end
  return cmsgpack.unpack(raw)
end

local function readMark(id)
  local raw = redis.call('GET', markKey(id))
  if not raw then return nil end
  return cmsgpack.unpack(raw)
end

local function newStream(spent)
  return { u = call.user, s = spent, c = spent, p = spent, o = spent, n = 0, k = 0, d = 0, q = '', g = {}, h = {} }
end

-- What the call leaves: streams and marks by id.
local streams, gone, marks = {}, {}, {}

local function same(a, b) return a.b == b.b and a.u == b.u and a.w == b.w end

local function find(holds, h)
  for _, o in ipairs(holds) do
    if same(o, h) then return o end
  end
end

-- holdFor is the window that a scope means now; balance.go says why a window that
-- was begun is not left when the clock goes back. Within a call it is found once for each scope: it
-- is the same one before the stream holds it and after.
local meant = {}

local function holdFor(sc, held)
  local h = meant[sc]
  if h then return h end
  h = { b = sc.budget, u = sc.unit, w = 0, e = 0, f = 0, g = 0 }
  meant[sc] = h
  if h.u == 'rolling' then return h end
  h.w, h.e = windowAt(h.u, second)
  for _, o in ipairs(held) do
    if o.b == h.b and o.u == h.u and o.w > h.w then h.w, h.e = o.w, o.e end
  end
  local nw, ne = windowAt(h.u, second + DAY)
  if nw > h.w then
    local n = { b = h.b, u = h.u, w = nw, e = ne, f = 0, g = 0 }
    if balance(n).old then
      meant[sc] = n
      return n
    end
  end
  return h
end

local function move(h, spent, hand, at)
  if h.u == 'rolling' then
    addMinute('rolling:' .. h.b, at, spent)
    spent = 0
  end
  if spent == 0 and hand == 0 then return end
  local x = balance(h)
  x.s, x.h = plus(x.s, spent), math.max(plus(x.h, hand), 0)
end

local function cover(s, ceiling, at)
  for _, h in ipairs(s.h) do
    local more = ceiling - h.f - h.g
    if more > 0 then
      move(h, 0, more, at)
      h.g = h.g + more
    end
  end
end

-- lower gives back what the holds cover beyond most.
local function lower(s, most, at)
  for _, h in ipairs(s.h) do
    local less = h.f + h.g - math.max(most, h.f)
    if less > 0 then
      move(h, 0, -less, at)
      h.g = h.g - less
    end
  end
end

local function report(s, spent, speech, at)
  cover(s, spent, at)
  local more = spent - s.s
  for _, h in ipairs(s.h) do move(h, more, -more, at) end
  s.s = spent
  if not call.own then return end
  addMinute('audio', at, more)
  local said = speech - (s.w or 0)
  if said <= 0 then return end
  addMinute('speech', at, said)
  s.w = speech
end

-- rebind makes the holds those of the scopes. A budget that is new counts from default.
-- Where the server has lost the stream, the caller's bases say since when each budget
-- applied in this very window: what was spent since is charged again.
local function rebind(s, scopes, default, bases)
  local holds = {}
  for _, sc in ipairs(scopes) do
    local h = holdFor(sc, s.h)
    if not find(holds, h) then
      local old = find(s.h, h)
      if old then
        h = old
      else
        h.f = default
        for _, b in ipairs(bases) do
          if b[1] == h.b and b[2] == h.u and b[3] == h.w then h.f = math.min(b[4], s.s) end
        end
        h.g = s.s - h.f
        move(h, h.g, 0, second)
      end
      holds[#holds + 1] = h
    end
  end
  for _, h in ipairs(s.h) do
    if not find(holds, h) then move(h, 0, -(h.f + h.g - s.s), second) end
  end
  s.h = holds
end

local function grantedIn(sc, h)
  return giftsFrom(balance(h), h.u == 'rolling' and firstMinute(sc.length) or 0)
end

-- usedIn is what a scope shows: used, and the oldest minute of a rolling one or -1; -2 where
-- nobody knows what is used, so that nothing is left.
local function usedIn(sc, h)
  local x = balance(h)
  if x.bad then return math.max(plus(x.s, x.h), plus(sc.limit, grantedIn(sc, h))), -2 end
  if h.u ~= 'rolling' then return plus(x.s, x.h), -1 end
  local sum, oldest = sumMinutes('rolling:' .. h.b, firstMinute(sc.length))
  return plus(sum, x.h), oldest
end

local function readBalances(scopes, held)
  local out = {}
  for i, sc in ipairs(scopes) do
    local h = holdFor(sc, held)
    local used, oldest = usedIn(sc, h)
    out[i] = { h.w, used, oldest, grantedIn(sc, h) }
  end
  return out
end

local function close(id, s, spent, speech, at, final)
  local over = second
  if s.k > 0 then over = math.max(over, s.k) end
  report(s, spent, speech, at)
  for _, h in ipairs(s.h) do move(h, 0, -(h.f + h.g - s.s), at) end
  streams[id], gone[id] = nil, true
  marks[id] = { ttl = over - second + KEEP_SETTLED + SLACK, final = final, charged = s.s, g = s.g, w = s.w }
end

-- lapse charges the streams whose time is over, a few at a time: kept grants for good;
-- others so that a gateway which was only cut off may go on from what was charged. Of a kept
-- grant nobody has heard the words, and its audio stands in for them. They are few, and who is to
-- settle them may be away for days: their marks last.
local function lapse(but)
  local due = redis.call('ZRANGEBYSCORE', base .. 'open', '-inf', second, 'LIMIT', 0, LAPSE_STEP + 1)
  for i = 1, math.min(#due, LAPSE_STEP + 1) do
    local id = due[i]
    local s = readStream(id)
    if not s then
      gone[id] = true
    elseif id ~= but or s.k > 0 then
      local spent, speech = math.max(s.s, s.p), s.w or 0
      if s.k > 0 then speech = math.max(speech, spent) end
      close(id, s, spent, speech, s.n, s.k > 0)
      marks[id].ttl = KEEP_USAGE + SLACK
    end
  end
end

local function state()
  if not call.own then return 0, '' end
  local v = redis.call('HMGET', base .. 'state', 'v', 'd')
  return tonumber(v[1] or 0), v[2] or ''
end

-- Writing.

local function writeBalance(x)
  local spent = x.s
  if x.fair then spent = chargeDay(x) end
  if x.s == 0 and x.h == 0 then
    if x.unit == 'rolling' and giftsFrom(x, OLDEST_GIFT) == 0 then
      redis.call('DEL', x.key)
      return
    end
    if x.unit ~= 'rolling' and not x.old then return end
  end
  redis.call('HSET', x.key, 's', spent, 'h', x.h)
  if x.unit == 'rolling' then
    redis.call('EXPIRE', x.key, KEEP_USAGE + SLACK)
  elseif not x.old then
    redis.call('EXPIRE', x.key, math.max(x.ends - second, 0) + KEEP_USAGE + SLACK)
  end
end

local function writeSeries(s)
  for hour, m in pairs(s.changed) do redis.call('HSET', s.key, digits(hour), cmsgpack.pack(m)) end
  if not s.grown then return end
  -- Once an hour, so with an hour more than the rest needs, and what a clock may have been ahead.
  redis.call('EXPIRE', s.key, KEEP_USAGE + DAY)
  local oldest = math.floor((second - KEEP_USAGE) / 3600) - 1
  for _, f in ipairs(redis.call('HKEYS', s.key)) do
    if tonumber(f) < oldest then redis.call('HDEL', s.key, f) end
  end
end

local function commit()
  for _, s in pairs(series) do writeSeries(s) end
  writeMinutes()
  for _, x in pairs(balances) do
    if x.s + x.h > x.s0 + x.h0 or x.s > x.s0 then writeBalance(x) end
  end
  for id, m in pairs(marks) do
    redis.call('SET', markKey(id), cmsgpack.pack({ final = m.final, charged = m.charged, g = m.g, w = m.w }), 'EX', m.ttl)
  end
  for id in pairs(gone) do
    redis.call('DEL', streamKey(id))
    redis.call('ZREM', base .. 'open', id)
  end
  local open = false
  for id, s in pairs(streams) do
    local due = math.ceil((s.n + GIVE_UP) / GIVE_UP_STEP) * GIVE_UP_STEP
    if s.k > 0 then due = s.k end
    if s.d ~= due then
      redis.call('ZADD', base .. 'open', due, id)
      s.d, open = due, true
    end
    redis.call('SET', streamKey(id), cmsgpack.pack(s), 'EX', math.max(due - second, 0) + KEEP_USAGE + SLACK)
  end
  if open then redis.call('EXPIRE', base .. 'open', 2 * KEEP_USAGE) end
  for _, x in pairs(balances) do
    if not (x.s + x.h > x.s0 + x.h0 or x.s > x.s0) and (x.s ~= x.s0 or x.h ~= x.h0) then writeBalance(x) end
  end
end
