-- One step of a walk through what a sorted set names, in the order of (score, name) or against it. In
-- one script, because ranks shift whenever a member comes or goes between finding the place and
-- reading on.
--
-- ARGV[1] is JSON: indexes (sorted sets that all must hold the member; not as KEYS: to name one
-- there, Redis' ACL asks for the right to change it); of (what stands before a member's name in the
-- key of its hash); newest (true: from the highest score down); score and name (the place behind
-- which to go on, both empty at the beginning); since (the lowest score, empty for any); look (how
-- many members to look at); want (how many to find at most); bare (true: read no hash);
-- gone (true: find also those without a hash); fields (field -> the text that it must
-- have); q (a prefix of name, DNS name or address, empty for any), and texts, the sorted set that has
-- "<text> <name>" for each of these, all of one score.
-- Answers {"ok", score, name, JSON of {{name, score, {field, text, ...}}, ...}}, where the place is
-- that of the last member looked at and empty at the end; "wrong" stands in place of the fields of a
-- key that holds no hash, "gone" of one that only the indexes know, "bare" of one that was not to be
-- read; {"lost"}; or {"wrong", key}.
-- One text, because a client that is written in Python takes far longer over many small ones.

local asked = cjson.decode(ARGV[1])
local indexes, prefix, newest = asked.indexes, asked.q, asked.newest

-- As many texts with the prefix are better looked up one by one than looked for in all nodes.
local FEW = 3000

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
local size = {}
if prefix ~= '' then
  local kind = redis.call('TYPE', asked.texts).ok
  if kind ~= 'none' and kind ~= 'zset' then return { 'wrong', asked.texts } end
end
for _, key in ipairs(indexes) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'zset' then return { 'wrong', key } end
  size[key] = redis.call('ZCARD', key)
end
table.sort(indexes, function(a, b) return size[a] < size[b] end)
local index = table.remove(indexes, 1)

-- As a sorted set compares. Lua's own < goes by the locale that Redis was started in.
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local one, other = string.byte(a, i), string.byte(b, i)
    if one ~= other then return one < other end
  end
  return #a < #b
end

-- How many members stand before a place, whether its own is still there or not: members of one score
-- stand in the order of their bytes.
local function before(score, name, included)
  local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', index, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local there = redis.call('ZRANGE', index, middle, middle)[1]
    if less(there, name) or (included and there == name) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local function in_all_others(name)
  for _, key in ipairs(indexes) do
    if not redis.call('ZSCORE', key, name) then return false end
  end
  return true
end

local function starts(text) return text and string.sub(text, 1, #prefix) == prefix end

local needed, texts = {}, {}
for field, text in pairs(asked.fields) do
  needed[#needed + 1], texts[#texts + 1] = field, text
end
if prefix ~= '' then
  for _, field in ipairs({ 'private_dns', 'public_dns', 'private_ip' }) do
    needed[#needed + 1] = field
  end
end

local function is_asked_for(name, key)
  if #needed == 0 then return true end
  local found = redis.pcall('HMGET', key, unpack(needed))
  -- Reading it whole tells what is wrong.
  if found.err then return true end
  for i, text in ipairs(texts) do
    if found[i] ~= text then return false end
  end
  if prefix == '' or starts(name) then return true end
  for i = #texts + 1, #needed do
    if starts(found[i]) then return true end
  end
  return false
end

local found, name, score = {}, nil, nil

local function look_at(member, its_score)
  name, score = member, its_score
  local key = asked.of .. name
  if not in_all_others(name) or not is_asked_for(name, key) then return nil end
  if asked.bare then
    found[#found + 1] = { name, score, 'bare' }
    return nil
  end
  local hash = redis.pcall('HGETALL', key)
  if hash.err and not string.find(hash.err, '^WRONGTYPE') then return hash end
  if hash.err then hash = 'wrong' end
  if #hash == 0 and not asked.gone then return nil end
  if #hash == 0 then hash = 'gone' end
  found[#found + 1] = { name, score, hash }
end

local function answer(is_end)
  -- Lua has no empty list: cjson would write an empty object.
  local text = #found == 0 and '[]' or cjson.encode(found)
  if is_end then return { 'ok', '', '', text } end
  return { 'ok', score, name, text }
end

-- Those that have a text with the prefix, if they are few: name and score, in the order asked for.
local function few_with_prefix()
  local low, high = '[' .. prefix, '[' .. prefix .. '\255'
  -- Each node has a text. A store of before has not: then every node is looked at.
  if redis.call('ZCARD', asked.texts) < redis.call('ZCARD', 'nodes') then return nil end
  if redis.call('ZLEXCOUNT', asked.texts, low, high) > FEW then return nil end
  local list, known = {}, {}
  for _, text in ipairs(redis.call('ZRANGEBYLEX', asked.texts, low, high)) do
    local member = string.match(text, '[^ ]+$') or ''
    local its_score = not known[member] and redis.call('ZSCORE', index, member)
    known[member] = true
    if its_score then list[#list + 1] = { member, its_score, tonumber(its_score) } end
  end
  table.sort(list, function(a, b)
    if newest then a, b = b, a end
    if a[3] ~= b[3] then return a[3] < b[3] end
    return less(a[1], b[1])
  end)
  return list
end

-- Whether a member of these stands behind the place.
local function is_behind(member, its_score)
  if asked.score == '' then return true end
  local at = tonumber(asked.score)
  if its_score ~= at then return (its_score < at) == newest end
  if newest then return less(member, asked.name) end
  return less(asked.name, member)
end

local few = prefix ~= '' and few_with_prefix()
if few then
  for i, member in ipairs(few) do
    if is_behind(member[1], member[3]) then
      local problem = look_at(member[1], member[2])
      if problem then return problem end
      if #found == asked.want then return answer(i == #few) end
    end
  end
  return answer(true)
end

-- Otherwise everything, a part at a time: the ranks to look at, first and last.
local lowest = asked.since == '' and 0 or redis.call('ZCOUNT', index, '-inf', '(' .. asked.since)
local first, last = lowest, size[index] - 1
if asked.score ~= '' and newest then last = before(asked.score, asked.name, false) - 1 end
if asked.score ~= '' and not newest then
  first = math.max(lowest, before(asked.score, asked.name, true))
end
local is_last_step = last - first < asked.look
if newest then first = math.max(first, last - asked.look + 1) end
if not newest then last = math.min(last, first + asked.look - 1) end

local members = first <= last and redis.call('ZRANGE', index, first, last, 'WITHSCORES') or {}
local seen, count = 0, #members / 2
while seen < count and #found < asked.want do
  local at = newest and 2 * (count - seen) - 1 or 2 * seen + 1
  seen = seen + 1
  local problem = look_at(members[at], members[at + 1])
  if problem then return problem end
end
return answer(seen == count and is_last_step)
