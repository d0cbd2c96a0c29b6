-- call.lua: what a call says, and the clock. It stands in front of fair.lua and book.lua.
--
-- Numbers are doubles and exact up to 2^53. Amounts are bounded to 2^50 by the
-- caller, sums stay at 2^53 - 1, times are microseconds (2^53 is in the year 2255).
-- cjson writes 14 digits and so only reads here; cmsgpack packs integers exactly.

local MOST = 9007199254740991
local DAY = 86400

local call = cjson.decode(ARGV[1]) -- what is empty is left out: reading it is an eighth of a call
call.owners, call.scopes, call.bases = call.owners or {}, call.scopes or {}, call.bases or {}
call.calendar, call.spans = call.calendar or {}, call.spans or {}
call.ceiling, call.spent, call.speech, call.keep = call.ceiling or 0, call.spent or 0, call.speech or 0, call.keep or 0
local base = call.prefix
local now = call.at or 0 -- tests hold the clock; 0 is the server's
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local second = math.floor(now / 1000000)

local function digits(n) return string.format('%.0f', n) end
local function plus(a, b) return math.min(a + b, MOST) end

