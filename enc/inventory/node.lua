-- Every change of a node: its hash, the indexes, counts and names that follow from it, and the
-- event that says so, all or nothing.
--
-- ARGV[1] is JSON, all of it text: certname; expect (the rev that the caller read, "0" for a new
-- node); set (field -> text, the whole new hash without rev; absent when the node ends); score
-- (launched_at in epoch seconds); event (field, text, field, text, ...); at; init (true only while
-- 'provisioner init' fills a store that has no meta yet); ending (ended_at, epoch, reason, oldest).
-- Answers {"ok", rev}, {"conflict", rev}, {"archived"}, {"lost"} or {"wrong", key}.

local LIFE_LENGTH = 200
local EVENTS_LENGTH = 1000000
local ARCHIVE_SECONDS = 400 * 24 * 3600

local command = cjson.decode(ARGV[1])
local certname = command.certname
local node_key = 'node:' .. certname
local archive_key = 'archive:' .. certname

local function read_hash(key)
  local flat, hash = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  return hash
end

local function is_of_type(key, wanted)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == wanted
end

local function index_keys(node)
  if not node.role then return {} end
  local found = { 'nodes', 'nodes:role:' .. node.role, 'nodes:state:' .. node.state }
  if node.market then found[#found + 1] = 'nodes:market:' .. node.market end
  return found
end

local function count_field(node)
  return node.kind .. ':' .. node.state .. ':' .. (node.market or 'none')
end

local function names_of(node)
  local found = {}
  if node.private_dns then found[#found + 1] = node.private_dns end
  if node.public_dns then found[#found + 1] = node.public_dns end
  if node.private_ip then found[#found + 1] = (node.vpc or '') .. ':' .. node.private_ip end
  return found
end

-- A value of the wrong type would stop us half-way, and Redis takes nothing back.
local function first_wrong_key(old, new)
  local expected = { [node_key] = 'hash', [archive_key] = 'hash', archived = 'zset',
    events = 'stream', ['life:' .. certname] = 'list' }
  for _, node in ipairs({ old, new }) do
    for _, key in ipairs(index_keys(node)) do expected[key] = 'zset' end
    for _, name in ipairs(names_of(node)) do
      expected['name:' .. name] = 'string'
      expected['claims:' .. name] = 'zset'
    end
    if node.role then expected['fleet:' .. node.role] = 'hash' end
    if node.launch then expected['launch:' .. node.launch] = 'hash' end
  end
  for key, wanted in pairs(expected) do
    if not is_of_type(key, wanted) then return key end
  end
end

local function append_event(about, fields)
  redis.call('XADD', 'events', 'MAXLEN', '~', EVENTS_LENGTH, '*', unpack(fields))
  local entry = {}
  for i = 1, #fields, 2 do entry[fields[i]] = fields[i + 1] end
  redis.call('RPUSH', 'life:' .. about, cjson.encode(entry))
  redis.call('LTRIM', 'life:' .. about, -LIFE_LENGTH, -1)
end

local function move_indexes(old, new)
  for _, key in ipairs(index_keys(old)) do redis.call('ZREM', key, certname) end
  for _, key in ipairs(index_keys(new)) do redis.call('ZADD', key, command.score, certname) end
end

local function count(node, by)
  if not node.role then return end
  local key, field = 'fleet:' .. node.role, count_field(node)
  if redis.call('HINCRBY', key, field, by) == 0 then redis.call('HDEL', key, field) end
end

local function tell_of_taking(name, loser)
  local fields = { 'at', command.at, 'who', 'rolecall', 'what', 'name taken', 'node', certname,
    'name', name, 'from', loser, 'why', 'the newer machine has it now' }
  append_event(certname, fields)
  if redis.call('EXISTS', 'node:' .. loser) == 1 then
    redis.call('RPUSH', 'life:' .. loser, cjson.encode({ at = command.at, who = 'rolecall',
      what = 'name lost', node = loser, name = name, to = certname }))
    redis.call('LTRIM', 'life:' .. loser, -LIFE_LENGTH, -1)
  end
end

-- claims:<name> exists only while several live machines say that they have the name.
local function claim(name)
  local key, claims = 'name:' .. name, 'claims:' .. name
  local owner = redis.call('GET', key)
  if not owner then return redis.call('SET', key, certname) end
  if owner == certname then return end
  local launched = redis.call('ZSCORE', 'nodes', owner)
  if launched then
    redis.call('ZADD', claims, launched, owner)
    redis.call('ZADD', claims, command.score, certname)
    if tonumber(launched) > tonumber(command.score) then return end
  end
  redis.call('SET', key, certname)
  tell_of_taking(name, owner)
end

local function release(name)
  local key, claims = 'name:' .. name, 'claims:' .. name
  redis.call('ZREM', claims, certname)
  local heir = redis.call('ZRANGE', claims, -1, -1)[1]
  if redis.call('ZCARD', claims) < 2 then redis.call('DEL', claims) end
  if redis.call('GET', key) ~= certname then return end
  if heir then redis.call('SET', key, heir) else redis.call('DEL', key) end
end

local function move_names(old, new)
  local kept = {}
  for _, name in ipairs(names_of(new)) do kept[name] = true end
  for _, name in ipairs(names_of(old)) do
    if not kept[name] then release(name) end
  end
  for name in pairs(kept) do claim(name) end
end

local function count_for_launch(node)
  local key = node.launch and 'launch:' .. node.launch
  if key and redis.call('EXISTS', key) == 1 then redis.call('HINCRBY', key, 'got', 1) end
end

local function flat(hash)
  local list = {}
  for field, text in pairs(hash) do list[#list + 1] = field; list[#list + 1] = text end
  return list
end

local function archive(old)
  old.ended_at, old.reason, old.state = command.ending.ended_at, command.ending.reason, 'archived'
  redis.call('DEL', archive_key)
  redis.call('HSET', archive_key, unpack(flat(old)))
  redis.call('EXPIRE', archive_key, ARCHIVE_SECONDS)
  redis.call('EXPIRE', 'life:' .. certname, ARCHIVE_SECONDS)
  redis.call('ZADD', 'archived', command.ending.epoch, certname)
  redis.call('ZREMRANGEBYSCORE', 'archived', '-inf', '(' .. command.ending.oldest)
end

if not is_of_type('meta', 'hash') then return { 'wrong', 'meta' } end
if not command.init and redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
if not is_of_type(node_key, 'hash') then return { 'wrong', node_key } end

local old, new = read_hash(node_key), command.set or {}
local rev = old.rev or '0'
if rev ~= command.expect then return { 'conflict', rev } end
local wrong = first_wrong_key(old, new)
if wrong then return { 'wrong', wrong } end
local born = rev == '0'
if born and redis.call('HGET', archive_key, 'instance_id') then return { 'archived' } end

local next_rev = string.format('%d', tonumber(rev) + 1)
count(old, -1)
count(new, 1)
-- Names before indexes: whose name it is depends on when its owner was launched.
move_names(old, new)
move_indexes(old, new)
redis.call('DEL', node_key)
if command.set then
  new.rev = next_rev
  redis.call('HSET', node_key, unpack(flat(new)))
end
if born then
  count_for_launch(new)
  redis.call('PERSIST', 'life:' .. certname)
end
append_event(certname, command.event)
if command.ending then archive(old) end
return { 'ok', next_rev }
