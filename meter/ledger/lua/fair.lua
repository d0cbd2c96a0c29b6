-- fair.lua: where the layout is fair_use, the keys of a backend that counted before there was a
-- gateway, and may still do so. It stands between call.lua and book.lua; docs/fair-use-layout.md tells the fields.
--
--	fair_use:dg_budget:UID:YYYYMMDD   ms charged in a day                          (string)
--	fair_use:bucket:UID               ms by the minute, a minute's index to a field (hash)
--	fair_use:speech:UID               the same indexes, by their first second       (sorted set)
--
-- What they hold counts as used, and what is charged is added there. Only where they cannot be
-- written (of another type, no number, or over already for the backend) an amount stays in the records of
-- book.lua. What is used is the sum of both: a store that had the native layout before goes on.
--
-- call.fair is { budget, series }: whose day the string is, and whether minutes are those of
-- audio or of speech. It is nil in the native layout, and for owners that are no user.

local fair, uid = call.fair, ARGV[2]
local FAIR_AFTER = 3600      -- how long a day's string outlives its day
local FAIR_KEEP = 8 * DAY    -- how long minutes live, as the backend has it
local PRUNE_STEP = 1000      -- fields deleted with one command

-- theirs reads a key that may be of any type: nil says that it is of another.
local function theirs(...)
  local v = redis.pcall(...)
  if type(v) ~= 'table' or not v.err then return v end
  if string.find(v.err, '^WRONGTYPE') then return nil end
  return redis.call(...) -- an error that is none of the key's ends the call
end

-- count reads an amount as INCRBY would; nil for what is none, or below nothing.
local function count(v)
  if v == false then return 0 end
  if type(v) ~= 'string' or #v > 16 or not (v == '0' or string.find(v, '^[1-9]%d*$')) then return nil end
  local n = tonumber(v)
  if n > MOST then return nil end
  return n
end

-- A day's string, beside a balance of book.lua.

local function fairDay(x, h)
  if not fair or h.b ~= fair.budget or h.u ~= 'day' then return end
  x.fair = 'fair_use:dg_budget:' .. uid .. ':' .. digits(h.w)
  local n = count(theirs('GET', x.fair))
  x.own = x.s
  x.bad = n == nil -- nobody knows what is used: nothing is left
  x.s = plus(x.s, n or 0)
end

-- chargeDay adds what a balance has grown by, and returns what stays in ours.
local function chargeDay(x)
  local more, ttl = x.s - x.s0, x.ends + FAIR_AFTER - second
  if more <= 0 then return x.own end
  if x.bad or ttl <= 0 then return plus(x.own, more) end
  redis.call('INCRBY', x.fair, digits(more))
  redis.call('EXPIRE', x.fair, ttl)
  return x.own
end

-- Minutes, beside the series of book.lua.

local buckets, starts = 'fair_use:bucket:' .. (uid or ''), 'fair_use:speech:' .. (uid or '')
local heard, known = {}, {} -- what this call adds, by the minute's index; which minutes were there

-- fairMinute takes an amount, where it can be written there.
local function fairMinute(name, minute, ms)
  if not fair or not call.own or name ~= fair.series then return false end
  if not heard[minute] then
    local i = digits(minute)
    local start = theirs('ZSCORE', starts, i)
    if start == nil or count(theirs('HGET', buckets, i)) == nil then return false end
    heard[minute], known[minute] = 0, start ~= false
  end
  heard[minute] = plus(heard[minute], ms)
  return true
end

-- fairSum adds up from a minute on, with what this call adds.
local fairMinutes
local function fairSum(name, first)
  if not fair or not call.own or name ~= fair.series then return 0 end
  if not fairMinutes then
    fairMinutes = {}
    local all = theirs('HGETALL', buckets) or {}
    for i = 1, #all, 2 do
      local minute, ms = count(all[i]), count(all[i + 1])
      if minute and ms then fairMinutes[minute] = ms end
    end
  end
  local sum = 0
  for minute, ms in pairs(fairMinutes) do
    if minute >= first then sum = plus(sum, ms) end
  end
  for minute, ms in pairs(heard) do
    if minute >= first then sum = plus(sum, ms) end
  end
  return sum
end

local function writeMinutes()
  local new = false
  for minute, ms in pairs(heard) do
    redis.call('HINCRBY', buckets, digits(minute), digits(ms))
    redis.call('ZADD', starts, digits(minute * 60), digits(minute))
    new = new or not known[minute]
  end
  if next(heard) == nil then return end
  redis.call('EXPIRE', buckets, FAIR_KEEP)
  redis.call('EXPIRE', starts, FAIR_KEEP)
  if not new then return end
  -- A minute later than the backend, which counts whole minutes only; it prunes with writes of its own.
  local last = digits(second - FAIR_KEEP - 60)
  local old = redis.call('ZRANGEBYSCORE', starts, 0, last)
  if #old == 0 then return end
  for i = 1, #old, PRUNE_STEP do
    redis.call('HDEL', buckets, unpack(old, i, math.min(i + PRUNE_STEP - 1, #old)))
  end
  redis.call('ZREMRANGEBYSCORE', starts, 0, last)
end

