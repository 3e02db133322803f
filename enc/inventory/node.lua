-- Every change of a node: its hash, the indexes, counts and names that follow from it, and the
-- event that says so, all or nothing.
--
-- ARGV[1] is JSON, all values text: certname; born (true for a node that must not exist yet) or
-- expect (the rev that the caller read); set (field -> text, the whole new hash without rev; absent
-- when the node ends); score (launched_at in epoch seconds); signed (the one key that its certificate
-- may be signed for, written once); event (field, text, field, text, ...;
-- absent when nobody need be told); run (a report's summary, for the node's last runs); at; limits
-- (life, events, runs: entries; archive, formerly: seconds); init (true only while
-- 'provisioner init' fills a store that has no meta yet); ending (ended_at, epoch, reason, oldest).
-- Answers {"ok", rev}, {"there"}, {"conflict", rev}, {"archived"}, {"lost"} or {"wrong", key, what}.
-- Behind node_keys.lua and node_checks.lua, as one script.

-- Writing ----------------------------------------------------------------------------------------

local function entry_of(fields)
  local entry = {}
  for i = 1, #fields, 2 do entry[fields[i]] = fields[i + 1] end
  return cjson.encode(entry)
end

local function add_to_life(about, fields, push)
  redis.call(push, 'life:' .. about, entry_of(fields))
  redis.call('LTRIM', 'life:' .. about, -limits.life, -1)
end

local function append_event(about, fields)
  redis.call('XADD', 'events', 'MAXLEN', '~', limits.events, '*', unpack(fields))
  add_to_life(about, fields, 'RPUSH')
end

local function add_run(text)
  redis.call('RPUSH', runs_key, text)
  redis.call('LTRIM', runs_key, -limits.runs, -1)
end

local function move_indexes(old, new)
  local kept = as_set(index_keys(new))
  for _, key in ipairs(index_keys(old)) do
    if not kept[key] then redis.call('ZREM', key, certname) end
  end
  for key in pairs(kept) do redis.call('ZADD', key, command.score, certname) end
end

local function move_texts(old, new)
  local had, has = as_set(texts_of(old)), as_set(texts_of(new))
  for text in pairs(had) do
    if not has[text] then redis.call('ZREM', 'nodes:texts', text) end
  end
  -- All of them, as a store of before these has none.
  for text in pairs(has) do redis.call('ZADD', 'nodes:texts', 0, text) end
end

local function count(node, by)
  for _, counted in ipairs(counts_of(node)) do
    local key, field = unpack(counted)
    if redis.call('HINCRBY', key, field, by) == 0 then redis.call('HDEL', key, field) end
  end
end

local function tell_of_move(name, from, to, why)
  local fields = { 'at', command.at, 'who', 'rolecall', 'what', 'name moved', 'node', to,
    'name', name, 'from', from, 'why', why }
  append_event(to, fields)
  add_to_life(from, fields, 'RPUSHX')
end

-- claims:<name> exists only while several live machines say that they have the name; the newest
-- has it, and of those launched in the same millisecond the last in the order of certnames.
local function give_to_newest(name, why)
  local claims, before = 'claims:' .. name, redis.call('GET', 'name:' .. name)
  local newest = redis.call('ZRANGE', claims, -1, -1)[1]
  if redis.call('ZCARD', claims) < 2 then redis.call('DEL', claims) end
  if before == newest then return end
  redis.call('SET', 'name:' .. name, newest)
  if before then tell_of_move(name, before, newest, why) end
end

local function claim_free(name)
  redis.call('SET', 'name:' .. name, certname)
  local ended = redis.call('GET', 'formerly:' .. name)
  redis.call('DEL', 'formerly:' .. name)
  if ended and ended ~= certname then
    tell_of_move(name, ended, certname, 'the machine that had it is gone')
  end
end

local function claim(name)
  local claims, owner = 'claims:' .. name, redis.call('GET', 'name:' .. name)
  if not owner then return claim_free(name) end
  if owner == certname and redis.call('EXISTS', claims) == 0 then return end
  local launched = redis.call('ZSCORE', 'nodes', owner)
  if launched then redis.call('ZADD', claims, launched, owner) end
  redis.call('ZADD', claims, command.score, certname)
  give_to_newest(name, 'the newest machine that has it')
end

local function release(name)
  redis.call('ZREM', 'claims:' .. name, certname)
  if redis.call('EXISTS', 'claims:' .. name) == 1 then
    give_to_newest(name, 'the newer machine no longer has it')
  elseif redis.call('GET', 'name:' .. name) == certname then
    redis.call('DEL', 'name:' .. name)
    redis.call('SET', 'formerly:' .. name, certname, 'EX', limits.formerly)
  end
end

local function move_names(old, new)
  local kept = as_set(names_of(new))
  for name in pairs(as_set(names_of(old))) do
    if not kept[name] then release(name) end
  end
  for name in pairs(kept) do claim(name) end
end

-- The state that somebody ordered who may end a node. Who may only report has no right to it, so what is
-- written into a node's hash by hand is no order.
local ORDERED = { draining = true, retiring = true }

local function move_order(old, new)
  if ORDERED[new.state] and new.state ~= old.state then
    redis.call('SET', order_key, new.state)
  elseif ORDERED[old.state] and not ORDERED[new.state] then
    redis.call('DEL', order_key)
  end
end

local function write_node(old, new)
  local over = {}
  for field in pairs(old) do
    if new[field] == nil then over[#over + 1] = field end
  end
  if #over > 0 then redis.call('HDEL', node_key, unpack(over)) end
  redis.call('HSET', node_key, unpack(flat(new)))
end

local function begin_life(node)
  redis.call('DEL', signed_key, order_key)
  redis.call('PERSIST', 'life:' .. certname)
  local launch = node.launch and 'launch:' .. node.launch
  if launch and redis.call('EXISTS', launch) == 1 then redis.call('HINCRBY', launch, 'got', 1) end
end

local function archive(node, ending)
  node.ended_at, node.reason, node.state = ending.ended_at, ending.reason, 'archived'
  redis.call('DEL', archive_key)
  redis.call('HSET', archive_key, unpack(flat(node)))
  redis.call('EXPIRE', archive_key, limits.archive)
  redis.call('EXPIRE', 'life:' .. certname, limits.archive)
  redis.call('DEL', runs_key, signed_key)
  redis.call('ZADD', 'archived', ending.epoch, certname)
  redis.call('ZREMRANGEBYSCORE', 'archived', '-inf', '(' .. ending.oldest)
end

-- An instance id is never given twice, so what has one and is archived cannot be back.
local function has_ended(node)
  local id = redis.call('HGET', archive_key, 'instance_id')
  if certname:match('^i%-%x+$') then return redis.call('EXISTS', archive_key) == 1 end
  return id and id == node.instance_id
end

-- The change -------------------------------------------------------------------------------------

if not is_of_type('meta', 'hash') then return { 'wrong', 'meta', WRONG_TYPE } end
if not command.init and redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
if not is_of_type(node_key, 'hash') then return { 'wrong', node_key, WRONG_TYPE } end

local old, new = read_hash(node_key), command.set or {}
if command.born and next(old) then return { 'there' } end
local rev = old.rev or '0'
if not command.born and (not next(old) or rev ~= command.expect) then
  return { 'conflict', next(old) and rev or 'none' }
end
local key, what = first_wrong(old, new)
if key then return { 'wrong', key, what } end
if command.born and has_ended(new) then return { 'archived' } end
-- Two keys at once: the first one stays.
if command.signed and (redis.call('GET', signed_key) or command.signed) ~= command.signed then
  return { 'conflict', rev }
end

-- Redis 7 looks at rights command by command, and takes nothing back: what not everybody may do who may
-- change a node is asked for before. 6.2 cannot be asked.
local function needed()
  local found = {}
  -- Rights that were given before there were these keys.
  for _, node in ipairs({ old, new }) do
    if node.role then found[#found + 1] = { 'HINCRBY', 'ran:' .. node.role, 'none', '1' } end
  end
  if ORDERED[new.state] and new.state ~= old.state then
    found[#found + 1] = { 'SET', order_key, new.state }
  elseif ORDERED[old.state] and not ORDERED[new.state] then
    found[#found + 1] = { 'DEL', order_key }
  end
  if command.signed then found[#found + 1] = { 'SETNX', signed_key, command.signed } end
  if command.born then found[#found + 1] = { 'DEL', signed_key } end
  if command.ending then
    found[#found + 1] = { 'HSET', archive_key, 'x', 'x' }
    found[#found + 1] = { 'ZADD', 'archived', '1', certname }
  end
  local launch = command.born and new.launch and 'launch:' .. new.launch
  if launch and redis.call('EXISTS', launch) == 1 then
    found[#found + 1] = { 'HINCRBY', launch, 'got', '1' }
  end
  return found
end

if redis.acl_check_cmd then
  for _, arguments in ipairs(needed()) do
    if not redis.acl_check_cmd(unpack(arguments)) then
      return redis.error_reply('NOPERM no right to ' .. arguments[1] .. ' ' .. arguments[2])
    end
  end
end

-- The event first, or the run: it is what Redis may refuse, for want of memory or of a stream id.
if command.event then append_event(certname, command.event) end
if command.run then add_run(command.run) end
if command.signed then redis.call('SETNX', signed_key, command.signed) end
count(old, -1)
count(new, 1)
move_names(old, new)
move_indexes(old, new)
move_texts(old, new)
if command.born then begin_life(new) end
move_order(old, new)
if command.ending then archive(old, command.ending) end
if not command.set then
  redis.call('DEL', node_key)
  return { 'ok', rev }
end
new.rev = string.format('%d', tonumber(rev) + 1)
write_node(old, new)
return { 'ok', new.rev }
