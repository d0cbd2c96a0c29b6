-- tell.lua: one record for an export, as plain numbers and texts: MessagePack stays in the
-- server. It writes nothing.
--
-- KEYS 1 the record; ARGV 1 its kind. Answers nothing where it is gone, else by kind:
--
--	budget        spent, {{minute, granted} ...}
--	grant         budget, unit, asked, done, before, after, end
--	rolling, audio, speech: {hour, the ms of its minutes from 0 on} ...
--	state         version, data
--	note          end in microseconds, data
--	settled       milliseconds that it lives
--	stream        user, spent, ceiling, peak, seen, kept until, speech, {tag ...}, {{budget, unit, window, from, granted} ...}

local key, kind = KEYS[1], ARGV[1]
if redis.call('EXISTS', key) == 0 then return false end

if kind == 'budget' then
  local v = redis.call('HMGET', key, 's', 'g')
  return { tonumber(v[1] or 0), v[2] and cmsgpack.unpack(v[2]) or {} }
end

if kind == 'grant' then
  local m = cmsgpack.unpack(redis.call('GET', key))
  return { m.b, m.u, m.asked, m.ms, m.before, m.after, m.e }
end

if kind == 'rolling' or kind == 'audio' or kind == 'speech' then
  local all, out = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do
    local minutes, row = cmsgpack.unpack(all[i + 1]), { tonumber(all[i]) }
    for m = 0, 59 do row[m + 2] = minutes[m] or 0 end
    out[#out + 1] = row
  end
  return out
end

if kind == 'state' then
  local v = redis.call('HMGET', key, 'v', 'd')
  return { tonumber(v[1] or 0), v[2] or '' }
end

if kind == 'note' then
  local v = redis.call('HMGET', key, 'e', 'd')
  return { tonumber(v[1] or 0), v[2] or '' }
end

if kind == 'settled' then return { redis.call('PTTL', key) } end

if kind ~= 'stream' then return {} end -- the caller knows what to say
local s = cmsgpack.unpack(redis.call('GET', key))
local holds = {}
for i, h in ipairs(s.h) do holds[i] = { h.b, h.u, h.w, h.f, h.g } end
return { s.u, s.s, s.c, s.p, s.n, s.k, s.w or 0, s.g, holds }
