-- settle.lua: Ledger.Settle on one owner's budgets. The mark that the stream is over is
-- written before anything is given back (book.lua): a settle that is sent again finds it, and
-- makes it last as if it were new. One that comes when the mark is gone says when the stream ended: it had
-- a record here, and whatever took that away has charged it.
--
-- Answers {word, ...}: 'clock' now · 'another' ·
-- 'ok' now, known, state version, state, balances, other owners.

if wrongClock() then return { 'clock', now } end
lapse(call.stream)
local mark = marks[call.stream] or readMark(call.stream)
local held, owners, known, found = {}, call.owners, 1, false
local forgotten = call.ended and now - call.ended > KEEP_SETTLED * 1000000
if mark then
  owners, found = mark.g, marks[call.stream] == nil
  local more = call.spent > mark.charged or call.speech > (mark.w or 0)
  if not mark.final and more and found then
    -- Given up, and it went on without asking: what it forwarded beyond is charged.
    local s = newStream(mark.charged)
    rebind(s, call.scopes, s.s, {})
    held = s.h
    s.g, s.w = mark.g, mark.w
    close(call.stream, s, math.max(call.spent, s.s), call.speech, second, true)
  end
else
  local s = readStream(call.stream)
  if s and s.u ~= call.user then return { 'another', now } end
  local spent = call.spent
  if s then
    owners = s.g
    spent = math.max(s.s, spent)
  elseif not call.known and not forgotten then
    known = 0
    -- Never leased here, or lost: charged to the scopes named, from the bases known.
    s = newStream(0)
    s.g = owners
    report(s, spent, 0, second)
    rebind(s, call.scopes, 0, call.bases)
  end
  if s then -- or it held nothing here, and its balances are only read
    held = s.h
    close(call.stream, s, spent, call.speech, second, true)
  end
end
local bals = readBalances(call.scopes, held)
local version, data = state()
commit()
if found then
  local key = markKey(call.stream)
  redis.call('EXPIRE', key, math.max(redis.call('TTL', key), KEEP_SETTLED + SLACK))
end
return { 'ok', now, known, version, data, bals, owners }
