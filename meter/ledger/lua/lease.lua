-- lease.lua: Ledger.Lease on one owner's budgets. See book.lua for what is written
-- before what: the balances cover a ceiling before the stream's record has it.
--
-- Answers {word, ...}: 'clock' now · 'settled' · 'another' ·
-- 'ok' now, fresh, ceiling, state version, state, balances, holds, other owners.

if wrongClock() then return { 'clock', now } end
lapse(call.stream)
local mark = marks[call.stream] or readMark(call.stream)
if mark and mark.final then return { 'settled', now } end
local s, fresh = readStream(call.stream), 0
if mark then
  s = newStream(mark.charged) -- given up and charged, and it lives: it goes on from there
  s.g, s.w = mark.g, mark.w
elseif not s then
  s, fresh = newStream(0), 1
elseif s.u ~= call.user then
  return { 'another', now }
end

-- overtaken: an older request, or one that was charged already, changes nothing.
local overtaken = fresh == 0 and call.spent < s.s
if not overtaken then
  report(s, call.spent, call.speech, second)
  rebind(s, call.scopes, s.s, fresh == 1 and call.bases or {})
  local most = math.max(call.ceiling, s.c, s.s)
  for _, sc in ipairs(call.scopes) do
    if not sc.shadow then
      local h = find(s.h, holdFor(sc, s.h))
      local used = usedIn(sc, h)
      most = math.min(most, plus(h.f + h.g, math.max(plus(sc.limit, grantedIn(sc, h)) - used, 0)))
    end
  end
  s.o, s.c = s.p, math.max(most, s.s)
  s.p, s.n, s.q = math.max(s.p, s.c), math.max(s.n, second), call.number
  if call.keep > 0 then
    local kept = math.max(math.min(s.c, call.ceiling), s.s)
    lower(s, kept, second)
    s.c, s.p, s.o, s.k = kept, kept, kept, second + call.keep
  end
  cover(s, s.c, second)
  local known = {}
  for _, g in ipairs(s.g) do known[g] = true end
  for _, g in ipairs(call.owners) do
    if not known[g] then s.g[#s.g + 1] = g end
  end
  streams[call.stream] = s
  marks[call.stream], gone[call.stream] = nil, nil
end

local bals = readBalances(call.scopes, s.h)
local holds = {}
for i, h in ipairs(s.h) do holds[i] = { h.b, h.u, h.w, h.f } end
local version, data = state()
commit()
if mark and not overtaken then redis.call('DEL', markKey(call.stream)) end
return { 'ok', now, fresh, s.c, version, data, bals, holds, s.g }
