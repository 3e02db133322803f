-- One look-up for the ENC in one round trip: may the store be believed, the node, and which
-- definition its role has. ARGV: the keys meta, node:<certname>, archive:<certname>; our schema. Not as
-- KEYS: to name one there, Redis' ACL asks for the right to change it, which the service has not.
-- Answers JSON: {"found": "replica" | "lost" | "schema" | "wrong" | "archived" | "unknown" | "node",
-- "key", "site", "node": [field, text, field, text, ...], "sha"}. The key is the node's, so that no reader
-- takes the answer to another question for its own; with "wrong" it is the one that is.
-- The definition itself is asked for only by a worker that has not seen its hash yet: contents,
-- not counters, because a restored store counts to the same number with other contents.

local meta_key, node_key, archive_key, schema = unpack(ARGV)

-- Reads are tried rather than checked for their type first: half the calls, and Puppet waits.
local function refused(key, reply)
  if string.find(reply.err, '^WRONGTYPE') then
    return cjson.encode({ found = 'wrong', key = key })
  end
  return reply
end

local function is_error(reply) return type(reply) == 'table' and reply.err end

if string.find(redis.call('INFO', 'replication'), 'role:slave', 1, true) then
  return '{"found":"replica"}'
end

local meta = redis.pcall('HMGET', meta_key, 'schema', 'site')
if is_error(meta) then return refused(meta_key, meta) end
if meta[1] ~= schema then
  if redis.call('EXISTS', meta_key) == 0 then return '{"found":"lost"}' end
  return '{"found":"schema"}'
end

local node = redis.pcall('HGETALL', node_key)
if is_error(node) then return refused(node_key, node) end
if #node == 0 then
  local archived = redis.call('EXISTS', archive_key) == 1
  local found = archived and 'archived' or 'unknown'
  return cjson.encode({ found = found, key = node_key, site = meta[2] })
end

local role = ''
for i = 1, #node, 2 do
  if node[i] == 'role' then role = node[i + 1] end
end
local definition = redis.pcall('HGET', 'role:' .. role, 'definition')
if is_error(definition) then return refused('role:' .. role, definition) end
return cjson.encode({
  found = 'node', key = node_key, site = meta[2], node = node,
  sha = definition and redis.sha1hex(definition) or '' })
