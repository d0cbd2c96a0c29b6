-- gifts.lua: what is granted beside a limit, behind book.lua, for the scripts that write it. It lies in the field g of a
-- balance, by the minute and in order ({minute, ms} ...; minute 0 in a calendar window), so that to read it costs a lease nothing.
-- What an id stands for lies beside, at the same owner:
--
--	{owner}:grant:ID         budget, unit, asked, done, before, after, end   (packed)

local function giftKey(id) return base .. 'grant:' .. id end

local function addGift(gifts, minute, ms)
  for _, p in ipairs(gifts) do
    if p[1] == minute then
      p[2] = plus(p[2], ms)
      return
    end
  end
  gifts[#gifts + 1] = { minute, ms }
  table.sort(gifts, function(a, b) return a[1] < b[1] end)
end

-- takeGift takes back, of the newest first, what was given from a minute on.
local function takeGift(gifts, first, ms)
  for i = #gifts, 1, -1 do
    if gifts[i][1] < first then return end
    local n = math.min(ms, gifts[i][2])
    gifts[i][2], ms = gifts[i][2] - n, ms - n
    if gifts[i][2] == 0 then table.remove(gifts, i) end
  end
end

local function writeGifts(x, gifts)
  x.g, x.gifts = cmsgpack.pack(gifts), gifts
  -- A balance that was not there is begun with it.
  redis.call('HSETNX', x.key, 's', 0)
  redis.call('HSETNX', x.key, 'h', 0)
  redis.call('HSET', x.key, 'g', x.g)
  if x.unit == 'rolling' then
    redis.call('EXPIRE', x.key, KEEP_USAGE + SLACK)
  elseif not x.old then
    redis.call('EXPIRE', x.key, math.max(x.ends - second, 0) + KEEP_USAGE + SLACK)
  end
end

local function writeGiftMark(id, m)
  redis.call('SET', giftKey(id), cmsgpack.pack(m), 'EX', m.e - second + SLACK)
end
