-- In front of node.lua, behind node_keys.lua: what would stop it half-way. Redis takes nothing back.

local WRONG_TYPE = 'has a value of the wrong type'

local function is_of_type(key, wanted)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == wanted
end

local function can_count(key, field)
  local text = redis.call('HGET', key, field)
  return not text or (#text < 16 and text:match('^%-?%d+$'))
end

local function wrong_type(old, new)
  local expected = { [node_key] = 'hash', [archive_key] = 'hash', archived = 'zset',
    events = 'stream', ['life:' .. certname] = 'list', [runs_key] = 'list',
    [order_key] = 'string', [signed_key] = 'string',
    ['nodes:texts'] = 'zset' }
  for _, node in ipairs({ old, new }) do
    for _, key in ipairs(index_keys(node)) do expected[key] = 'zset' end
    for _, name in ipairs(names_of(node)) do
      expected['name:' .. name], expected['formerly:' .. name] = 'string', 'string'
      expected['claims:' .. name] = 'zset'
    end
    for _, counted in ipairs(counts_of(node)) do expected[counted[1]] = 'hash' end
    if node.launch then expected['launch:' .. node.launch] = 'hash' end
  end
  for key, wanted in pairs(expected) do
    if not is_of_type(key, wanted) then return key end
  end
end

-- Those who lose or regain a name are told so, each in its own life.
local function wrong_life(old, new)
  for _, node in ipairs({ old, new }) do
    for _, name in ipairs(names_of(node)) do
      local others = redis.call('ZRANGE', 'claims:' .. name, 0, -1)
      others[#others + 1] = redis.call('GET', 'name:' .. name) or nil
      others[#others + 1] = redis.call('GET', 'formerly:' .. name) or nil
      for _, other in ipairs(others) do
        if not is_of_type('life:' .. other, 'list') then return 'life:' .. other end
      end
    end
  end
end

local function wrong_count(old, new)
  for _, node in ipairs({ old, new }) do
    for _, counted in ipairs(counts_of(node)) do
      if not can_count(unpack(counted)) then return counted[1] end
    end
    local launch = node.launch and 'launch:' .. node.launch
    if launch and not can_count(launch, 'got') then return launch end
  end
end

local function whole(node)
  return node.role and node.kind and node.state and (node.rev or ''):match('^%d+$')
end

local function first_wrong(old, new)
  if next(old) and not whole(old) then return node_key, 'lacks role, kind, state or rev' end
  local key = wrong_type(old, new) or wrong_life(old, new)
  if key then return key, WRONG_TYPE end
  key = wrong_count(old, new)
  if key then return key, 'counts with something that is no number' end
end
