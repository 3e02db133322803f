-- One step of a walk through the nodes, in the order of (launched_at, certname). In one script,
-- because ranks shift whenever a node comes or goes between finding the place and reading on.
--
-- KEYS: the indexes that all must hold the node. ARGV: score and certname behind which to go on
-- (both empty at the beginning); how many members to look at; how many nodes to find at most; a
-- prefix of certname, name or address ("" for any).
-- Answers {"ok", score, certname, JSON of {{certname, score, {field, text, ...}}, ...}}, where the
-- place is that of the last member looked at and empty at the end, and "wrong" stands in place of
-- the fields of a key that holds no hash, "gone" of one that only the indexes know; {"lost"}; or {"wrong", key}.
-- One text, because a client that is written in Python takes far longer over many small ones.

local after_score, after_name, prefix = ARGV[1], ARGV[2], ARGV[5]
local look, want = tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'zset' then return { 'wrong', key } end
end
table.sort(KEYS, function(a, b) return redis.call('ZCARD', a) < redis.call('ZCARD', b) end)
local index = table.remove(KEYS, 1)

-- The rank behind a place, whether its node is still there or not: members of one score stand in
-- the order of their bytes.
local function rank_behind(score, name)
  local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', index, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZRANGE', index, middle, middle)[1] <= name then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local function in_all_others(name)
  for _, key in ipairs(KEYS) do
    if not redis.call('ZSCORE', key, name) then return false end
  end
  return true
end

local function starts(text) return text and string.sub(text, 1, #prefix) == prefix end

local function is_asked_for(name, key)
  if prefix == '' or starts(name) then return true end
  local called = redis.call('HMGET', key, 'private_dns', 'public_dns', 'private_ip')
  return starts(called[1]) or starts(called[2]) or starts(called[3])
end

local start = after_score == '' and 0 or rank_behind(after_score, after_name)
local members = redis.call('ZRANGE', index, start, start + look - 1, 'WITHSCORES')
local found, seen = {}, 0
while seen < #members and #found < want do
  local name, score = members[seen + 1], members[seen + 2]
  seen = seen + 2
  local key = 'node:' .. name
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' and in_all_others(name) then
    found[#found + 1] = { name, score, 'gone' }
  elseif kind ~= 'none' and kind ~= 'hash' then
    found[#found + 1] = { name, score, 'wrong' }
  elseif kind == 'hash' and in_all_others(name) and is_asked_for(name, key) then
    found[#found + 1] = { name, score, redis.call('HGETALL', key) }
  end
end

local at_end = seen == #members and #members < 2 * look
-- Lua has no empty list: cjson would write an empty object.
local text = #found == 0 and '[]' or cjson.encode(found)
if at_end then return { 'ok', '', '', text } end
return { 'ok', members[seen], members[seen - 1], text }
