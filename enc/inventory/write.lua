-- Several writes, all or nothing. MULTI would not do: it goes on behind a command that fails, and a
-- client that lost its answer cannot tell whether it was done.
--
-- ARGV[1] is JSON: same (pairs of a reading command and the answer, as text, on which the caller
-- decided what to write); write (commands); init (true for what begins a store without meta).
-- Answers {"ok"}, {"lost"}, {"wrong", key} or {"changed", number of the pair, from 1}.

local command = cjson.decode(ARGV[1])

local TYPES = { HSET = 'hash', HDEL = 'hash', HGET = 'hash', ZADD = 'zset', ZCARD = 'zset',
  ZREMRANGEBYSCORE = 'zset', SADD = 'set', SREM = 'set', XADD = 'stream',
  RPUSHX = 'list', LTRIM = 'list', GET = 'string' }

local function wrong_key(commands)
  local deleted = {}
  for _, arguments in ipairs(commands) do
    local wanted, key = TYPES[arguments[1]], arguments[2]
    local found = deleted[key] and 'none' or redis.call('TYPE', key).ok
    if wanted and found ~= 'none' and found ~= wanted then return key end
    if arguments[1] == 'DEL' then deleted[key] = true end
  end
end

local function first_changed(pairs_read)
  for i, pair in ipairs(pairs_read) do
    if tostring(redis.call(unpack(pair[1])) or '') ~= pair[2] then return i end
  end
end

local meta = redis.call('TYPE', 'meta').ok
if meta ~= 'none' and meta ~= 'hash' then return { 'wrong', 'meta' } end
if meta == 'none' and not command.init then return { 'lost' } end

local read = {}
for _, pair in ipairs(command.same) do read[#read + 1] = pair[1] end
local wrong = wrong_key(read) or wrong_key(command.write)
if wrong then return { 'wrong', wrong } end
local changed = first_changed(command.same)
if changed then return { 'changed', changed } end

-- Redis 7 looks at rights command by command, and takes nothing back. 6.2 cannot be asked.
for _, arguments in ipairs(command.write) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(arguments)) then
    return redis.error_reply('NOPERM no right to ' .. arguments[1] .. ' ' .. arguments[2])
  end
end

-- XADD stands first: it is what Redis may refuse, for want of memory or of a stream id.
for _, arguments in ipairs(command.write) do redis.call(unpack(arguments)) end
return { 'ok' }
