-- The beginning of node.lua: what a node's hash means for other keys.

local command = cjson.decode(ARGV[1])
local certname, limits = command.certname, command.limits
local node_key, archive_key = 'node:' .. certname, 'archive:' .. certname
local runs_key = 'runs:' .. certname
local order_key, signed_key = 'order:' .. certname, 'signed:' .. certname

local function index_keys(node)
  if not node.role then return {} end
  local found = { 'nodes', 'nodes:role:' .. node.role, 'nodes:state:' .. node.state,
    'nodes:kind:' .. node.kind }
  if node.market then found[#found + 1] = 'nodes:market:' .. node.market end
  return found
end

-- Key and field of each count that the node is in.
local function counts_of(node)
  if not node.role then return {} end
  return {
    { 'fleet:' .. node.role, node.kind .. ':' .. node.state .. ':' .. (node.market or 'none') },
    { 'ran:' .. node.role, node.report_status or 'none' } }
end

local function names_of(node)
  local address = node.private_ip and (node.vpc or '') .. ':' .. node.private_ip
  local found = {}
  for _, name in ipairs({ node.private_dns or false, node.public_dns or false, address or false }) do
    if name then found[#found + 1] = name end
  end
  return found
end

-- By what people may look for the node, as nodes:texts holds it.
local function texts_of(node)
  if not node.role then return {} end
  local found = { certname .. ' ' .. certname }
  for _, field in ipairs({ 'private_dns', 'public_dns', 'private_ip' }) do
    if node[field] then found[#found + 1] = node[field] .. ' ' .. certname end
  end
  return found
end

local function as_set(list)
  local set = {}
  for _, item in ipairs(list) do set[item] = true end
  return set
end

local function flat(hash)
  local list = {}
  for field, text in pairs(hash) do list[#list + 1] = field; list[#list + 1] = text end
  return list
end

local function read_hash(key)
  local list, hash = redis.call('HGETALL', key), {}
  for i = 1, #list, 2 do hash[list[i]] = list[i + 1] end
  return hash
end
