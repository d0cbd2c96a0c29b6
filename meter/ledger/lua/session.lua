-- session.lua: puts an entry in front of a user's sessions, unless its id is there: whoever lost the
-- answer and asks again changes nothing. An item is the id's length as one byte, the id, the entry.
--
-- KEYS 1 the list; ARGV id, entry, how many are kept, seconds that they are kept. Answers 1 for written.

local mine = string.char(#ARGV[1]) .. ARGV[1]
for _, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if item:sub(1, #mine) == mine then return 0 end
end
redis.call('LPUSH', KEYS[1], mine .. ARGV[2])
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[3]) - 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
