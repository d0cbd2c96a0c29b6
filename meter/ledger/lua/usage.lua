-- usage.lua: Ledger.Usage on one owner's budgets. It writes nothing and may be run
-- anywhere; it is asked of the primary, for a replica may be behind.
--
-- Answers 'clock' now · 'ok' now, state version, state, balances, sums of audio, of speech.

if wrongClock() then return { 'clock', now } end
local bals, audio, speech = readBalances(call.scopes, {}), {}, {}
for i, length in ipairs(call.spans) do
  local first = math.floor((now - length) / 60000000)
  audio[i], speech[i] = (sumMinutes('audio', first)), (sumMinutes('speech', first))
end
local version, data = state()
return { 'ok', now, version, data, bals, audio, speech }
