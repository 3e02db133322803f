-- Several writes, all or nothing. MULTI would not do: it goes on behind a command that fails, and a
-- client that lost its answer cannot tell whether it was done.
--
-- ARGV[1] is JSON: same (pairs of a reading command and the answer, as text, on which the caller
-- decided what to write); write (commands); init (true for what begins a store without meta).
-- Also room, for a launch: want (machines), since (a score) and bounds (role, what, most), each of
-- which must leave room; enc/domain/limits.py says what they mean.
-- Answers {"ok"}, {"lost"}, {"wrong", key}, {"changed", number of the pair, from 1} or
-- {"full", number of the bound, machines that live, those asked for, launches since}.

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

local GONE = { lost = true, retiring = true }
-- Steps of an end that come after EC2 was told; before them a retiring machine runs on.
local TOLD = { confirm = true, clean = true, deactivate = true, archive = true }

-- A key that somebody garbled keeps nobody from launching: it counts for nothing.
local function sound(...)
  local found = redis.pcall(...)
  return type(found) == 'table' and not found.err and found or {}
end

local function retiring_untold(role)
  local sum = 0
  for _, name in ipairs(sound('ZRANGE', 'nodes:state:retiring', 0, -1)) do
    local found = sound('HMGET', 'node:' .. name, 'kind', 'role', 'retire_step')
    local ours = found[1] and found[1] ~= 'foreign' and (role == '' or found[2] == role)
    if ours and not TOLD[found[3]] then sum = sum + 1 end
  end
  return sum
end

local function living_of(role)
  local sum, counts = 0, sound('HGETALL', 'fleet:' .. role)
  for i = 1, #counts, 2 do
    local kind, state = string.match(counts[i], '^([^:]*):([^:]*)')
    if kind ~= 'foreign' and not GONE[state] then sum = sum + (tonumber(counts[i + 1]) or 0) end
  end
  return sum
end

local function living_of_all()
  local sum = 0
  for _, kind in ipairs({ 'fleet', 'extra', 'burst' }) do
    sum = sum + redis.call('ZCARD', 'nodes:kind:' .. kind)
  end
  for state in pairs(GONE) do
    for _, name in ipairs(redis.call('ZRANGE', 'nodes:state:' .. state, 0, -1)) do
      if not redis.call('ZSCORE', 'nodes:kind:foreign', name) then sum = sum - 1 end
    end
  end
  return sum
end

local function asked_for(role)
  local sum = 0
  for _, id in ipairs(redis.call('SMEMBERS', 'launches:open')) do
    local found = sound('HMGET', 'launch:' .. id, 'role', 'want', 'got')
    local left = (tonumber(found[2] or 0) or 0) - (tonumber(found[3] or 0) or 0)
    if (role == '' or found[1] == role) and left > 0 then sum = sum + left end
  end
  return sum
end

local function opened_since(role, since)
  if role == '' then return redis.call('ZCOUNT', 'launches', since, '+inf') end
  local sum = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'launches', since, '+inf')) do
    if sound('HMGET', 'launch:' .. id, 'role')[1] == role then sum = sum + 1 end
  end
  return sum
end

local function first_full(room)
  for i, bound in ipairs(room.bounds) do
    local living = bound.role == '' and living_of_all() or living_of(bound.role)
    living = living + retiring_untold(bound.role)
    local asked, opened = asked_for(bound.role), opened_since(bound.role, room.since)
    local over = living + asked + room.want > bound.most
    if bound.what == 'launches_per_hour' then over = opened >= bound.most end
    if over then return { 'full', i, living, asked, opened } end
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
local full = command.room and first_full(command.room)
if full then return full end

-- Redis 7 looks at rights command by command, and takes nothing back. 6.2 cannot be asked.
for _, arguments in ipairs(command.write) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(arguments)) then
    return redis.error_reply('NOPERM no right to ' .. arguments[1] .. ' ' .. arguments[2])
  end
end

-- XADD stands first: it is what Redis may refuse, for want of memory or of a stream id.
for _, arguments in ipairs(command.write) do redis.call(unpack(arguments)) end
return { 'ok' }
