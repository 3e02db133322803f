-- What DNS asks of the inventory, each in one round trip. ARGV: our schema, what is asked, and its
-- arguments. Keys are not KEYS: to name one there, Redis' ACL asks for the right to change it.
--
--   name NAME START WANT OTHERS   the role of that name, else the node. Of a role up to WANT members that
--                                 are in none of the states OTHERS (names between spaces), beginning
--                                 with the START-th of all its nodes, and where to begin the next time
--   address TEXT [TEXT ...]       the nodes that say they have this private address, in any of its spellings
--   below PREFIX                  whether a node has a private address that begins so
--   foreign                       the certnames of foreign nodes
--
-- Answers JSON: {"found": "replica" | "lost" | "schema" | "wrong" | "lacks" | "old" | "role" | "node" |
-- "none" | "nodes" | "some" | "names", "asked", "site", "key", "what", "members", "next", "nodes", "names"}.
-- With "lacks" the key has not what others say is there, and "what" is why.
-- "asked" is the question, so that no reader takes the answer to another for its own. An empty list is "{}".

local TEXTS = 'nodes:texts'
local CHUNK = 1000

local schema, what = ARGV[1], ARGV[2]

local function is_error(reply) return type(reply) == 'table' and reply.err end

local function refused(key, reply)
  if string.find(reply.err, '^WRONGTYPE') then
    return cjson.encode({ found = 'wrong', key = key })
  end
  return reply
end

if string.find(redis.call('INFO', 'replication'), 'role:slave', 1, true) then
  return '{"found":"replica"}'
end
local meta = redis.pcall('HMGET', 'meta', 'schema', 'site')
if is_error(meta) then return refused('meta', meta) end
if meta[1] ~= schema then
  if redis.call('EXISTS', 'meta') == 0 then return '{"found":"lost"}' end
  return '{"found":"schema"}'
end

local function say(answer)
  answer.site, answer.asked = meta[2], table.concat({ what, ARGV[3] or '' }, ' ')
  return cjson.encode(answer)
end

-- Why a member's record cannot be read, or nothing.
local function damage_of(fields)
  if is_error(fields) then return 'has a value of the wrong type' end
  if not fields[1] then return 'is gone, though the indexes name it, or has no state' end
end

local function look_at(member, members, others)
  local fields = redis.pcall('HMGET', 'node:' .. member, 'state', 'private_ip')
  if is_error(fields) and not string.find(fields.err, '^WRONGTYPE') then return fields end
  local damage = damage_of(fields)
  if damage then
    members[#members + 1] = { member, '', '', damage }
  elseif not string.find(others, ' ' .. fields[1] .. ' ', 1, true) then
    members[#members + 1] = { member, fields[1], fields[2] or '', '' }
  end
end

local function lacks(key, what) return cjson.encode({ found = 'lacks', key = key, what = what }) end

-- Why a role in whose index nobody serves cannot be believed to be empty: the counts know better.
-- They are moved apart from the index, so what loses one keeps the other.
local function denial_of_none(role, others)
  local key = 'fleet:' .. role
  local counts = redis.pcall('HGETALL', key)
  if is_error(counts) then return refused(key, counts) end
  for i = 1, #counts, 2 do
    local state = string.match(counts[i], '^[^:]*:([^:]*):')
    local serves = state and not string.find(others, ' ' .. state .. ' ', 1, true)
    if serves and (tonumber(counts[i + 1]) or 1) > 0 then
      return lacks('nodes:role:' .. role, 'names no ready node, though ' .. key ..
        ' counts some (each change of a node brings it back)')
    end
  end
end

local function role_members(role, size, start, want, others)
  local index = 'nodes:role:' .. role
  local members, seen, at = {}, 0, size > 0 and start % size or 0
  while seen < size and #members < want do
    local names = redis.call('ZRANGE', index, at, math.min(at + CHUNK, size) - 1)
    for _, member in ipairs(names) do
      if #members == want then break end
      local problem = look_at(member, members, others)
      if problem then return problem end
      seen, at = seen + 1, at + 1
    end
    at = at % size
  end
  local denied = #members == 0 and denial_of_none(role, others)
  if denied then return denied end
  return say({ found = 'role', members = members, next = seen < size and at or 0 })
end

local function by_name(name, start, want, others)
  local index = 'nodes:role:' .. name
  local size = redis.pcall('ZCARD', index)
  if is_error(size) then return refused(index, size) end
  -- Counts without an index or a definition are a role's, too: no node takes its name over.
  if size > 0 or redis.call('EXISTS', 'role:' .. name, 'fleet:' .. name) > 0 then
    return role_members(name, size, tonumber(start), tonumber(want), others)
  end
  local node = redis.pcall('HGETALL', 'node:' .. name)
  if is_error(node) then return refused('node:' .. name, node) end
  if #node > 0 then return say({ found = 'node', nodes = { { name, node } } }) end
  local listed = redis.pcall('ZSCORE', 'nodes', name)
  if is_error(listed) then return refused('nodes', listed) end
  if listed then return lacks('node:' .. name, 'is gone, though the indexes name it') end
  return say({ found = 'none' })
end

-- Why the texts cannot be asked. Each node has one or more, so where there are fewer than nodes, as in
-- a store of before there were any, some are missing. That one node's alone are not is not looked for:
-- it would be a look at all nodes for each address that nobody has.
local function texts_problem()
  for _, key in ipairs({ TEXTS, 'nodes' }) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' and kind ~= 'zset' then return cjson.encode({ found = 'wrong', key = key }) end
  end
  if redis.call('ZCARD', TEXTS) < redis.call('ZCARD', 'nodes') then return '{"found":"old"}' end
end

local function by_address(spellings)
  local nodes = {}
  for _, text in ipairs(spellings) do
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', TEXTS, '[' .. text .. ' ', '(' .. text .. '!')) do
      local certname = string.match(entry, '[^ ]+$')
      local node = redis.pcall('HGETALL', 'node:' .. certname)
      if is_error(node) then return refused('node:' .. certname, node) end
      nodes[#nodes + 1] = { certname, node }
    end
  end
  return say({ found = 'nodes', nodes = nodes })
end

local function below(prefix)
  local found = redis.call('ZRANGEBYLEX', TEXTS, '[' .. prefix, '(' .. prefix .. '\255', 'LIMIT', 0, 1)
  return say({ found = #found > 0 and 'some' or 'none' })
end

if what == 'name' then return by_name(ARGV[3], ARGV[4], ARGV[5], ARGV[6]) end
if what ~= 'foreign' then
  local problem = texts_problem()
  if problem then return problem end
  if what == 'address' then return by_address({ unpack(ARGV, 3) }) end
  return below(ARGV[3])
end
local names = redis.pcall('ZRANGE', 'nodes:kind:foreign', 0, -1)
if is_error(names) then return refused('nodes:kind:foreign', names) end
return say({ found = 'names', names = names })
