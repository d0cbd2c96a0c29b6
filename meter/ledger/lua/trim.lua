-- trim.lua: gives back what one owner granted and another did not, so that it is
-- not kept from the owner's other streams. It undoes its own lease and nothing else: a
-- newer one, whose grant may be in use already, has another number.
--
-- Answers {'ok', now, balances}, with no balances where nothing was done.

if wrongClock() then return { 'clock', now } end
local s = readStream(call.stream)
if not s or s.u ~= call.user or s.q ~= call.number then return { 'ok', now, {} } end
local most = math.max(math.min(s.c, call.ceiling), s.s)
lower(s, most, second)
s.c, s.p = most, math.max(s.o, most)
streams[call.stream] = s
local bals = readBalances(call.scopes, s.h)
commit()
return { 'ok', now, bals }
