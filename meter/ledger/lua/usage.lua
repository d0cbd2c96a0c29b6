-- usage.lua: Ledger.Usage on one owner's budgets. It writes nothing and may be run
-- anywhere; it is asked of the primary, for a replica may be behind.
--
-- Answers 'clock' now · 'ok' now, state version, state, balances, sums of audio.

if wrongClock() then return { 'clock', now } end
local bals, sums = readBalances(call.scopes, {}), {}
for i, length in ipairs(call.spans) do
  sums[i] = (sumMinutes('audio', math.floor((now - length) / 60000000)))
end
local version, data = state()
return { 'ok', now, version, data, bals, sums }
