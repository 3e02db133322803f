-- One look-up for the ENC in one round trip: may the store be believed, the node, and which
-- definition its role has. KEYS: meta, node:<certname>, archive:<certname>. ARGV[1]: our schema.
-- Answers JSON: {"found": "replica" | "lost" | "schema" | "wrong" | "archived" | "unknown" | "node",
-- "key", "schema", "node": {..}, "sha"}.
-- The definition itself is asked for only by a worker that has not seen its hash yet: contents,
-- not counters, because a restored store counts to the same number with other contents.

local function type_of(key) return redis.call('TYPE', key).ok end

if string.find(redis.call('INFO', 'replication'), 'role:slave', 1, true) then
  return '{"found":"replica"}'
end

local meta = type_of(KEYS[1])
if meta == 'none' then return '{"found":"lost"}' end
if meta ~= 'hash' then return cjson.encode({ found = 'wrong', key = KEYS[1] }) end
local schema = redis.call('HGET', KEYS[1], 'schema') or ''
if schema ~= ARGV[1] then return cjson.encode({ found = 'schema', schema = schema }) end

local kind = type_of(KEYS[2])
if kind == 'none' then
  local archived = redis.call('EXISTS', KEYS[3]) == 1
  return archived and '{"found":"archived"}' or '{"found":"unknown"}'
end
if kind ~= 'hash' then return cjson.encode({ found = 'wrong', key = KEYS[2] }) end

local flat, node = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #flat, 2 do node[flat[i]] = flat[i + 1] end
local answer = { found = 'node', node = node }
local role_key = 'role:' .. (node.role or '')
local role_kind = type_of(role_key)
if role_kind ~= 'none' and role_kind ~= 'hash' then
  return cjson.encode({ found = 'wrong', key = role_key })
end
local definition = role_kind == 'hash' and redis.call('HGET', role_key, 'definition')
if definition then answer.sha = redis.sha1hex(definition) end
return cjson.encode(answer)
