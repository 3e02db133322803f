-- One step of a walk through what a sorted set names, in the order of (score, name) or against it. In
-- one script, because ranks shift whenever a member comes or goes between finding the place and
-- reading on.
--
-- ARGV[1] is JSON: indexes (sorted sets that all must hold the member; not as KEYS: to name one
-- there, Redis' ACL asks for the right to change it); of (what stands before a member's name in the
-- key of its hash); newest (true: from the highest score down); score and name (the place behind
-- which to go on, both empty at the beginning); since (the lowest score, empty for any); look (how
-- many members to look at); want (how many to find at most); fields (field -> the text that it must
-- have); q (a prefix of name, DNS name or address, empty for any).
-- Answers {"ok", score, name, {name, score, {field, text, ...}}, ...}, where the place is that of the
-- last member looked at and empty at the end, and "wrong" stands in place of the fields of a key that
-- holds no hash; {"lost"}; or {"wrong", key}.

local asked = cjson.decode(ARGV[1])
local indexes, prefix, newest = asked.indexes, asked.q, asked.newest

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
local size = {}
for _, key in ipairs(indexes) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'zset' then return { 'wrong', key } end
  size[key] = redis.call('ZCARD', key)
end
table.sort(indexes, function(a, b) return size[a] < size[b] end)
local index = table.remove(indexes, 1)

-- How many members stand before a place, whether its own is still there or not: members of one score
-- stand in the order of their bytes.
local function before(score, name, included)
  local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', index, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local there = redis.call('ZRANGE', index, middle, middle)[1]
    if there < name or (included and there == name) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- The ranks to look at, first and last.
local lowest = asked.since == '' and 0 or redis.call('ZCOUNT', index, '-inf', '(' .. asked.since)
local first, last = lowest, size[index] - 1
if asked.score ~= '' and newest then last = before(asked.score, asked.name, false) - 1 end
if asked.score ~= '' and not newest then
  first = math.max(lowest, before(asked.score, asked.name, true))
end
local is_last_step = last - first < asked.look
if newest then first = math.max(first, last - asked.look + 1) end
if not newest then last = math.min(last, first + asked.look - 1) end

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

local members = first <= last and redis.call('ZRANGE', index, first, last, 'WITHSCORES') or {}
local found, seen, count = {}, 0, #members / 2
local name, score
while seen < count and #found < asked.want do
  local at = newest and 2 * (count - seen) - 1 or 2 * seen + 1
  name, score = members[at], members[at + 1]
  seen = seen + 1
  local key = asked.of .. name
  if in_all_others(name) and is_asked_for(name, key) then
    local hash = redis.pcall('HGETALL', key)
    if hash.err and not string.find(hash.err, '^WRONGTYPE') then return hash end
    if hash.err then hash = 'wrong' end
    -- An entry without its hash is passed over.
    if #hash > 0 then found[#found + 1] = { name, score, hash } end
  end
end

if seen == count and is_last_step then return { 'ok', '', '', unpack(found) } end
return { 'ok', score, name, unpack(found) }
