-- A step back through the log. ARGV[1] is JSON: before (the stream id behind which to go on, "+" at
-- the end); look (how many events to look at); want (how many to find at most); fields (field -> the
-- text that it must have). Answers {"ok", id, {id, {field, text, ...}}, ...}, where the id is that of the
-- last event looked at, and empty when there are no more; {"lost"}; or {"wrong", key}.

local asked = cjson.decode(ARGV[1])

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
local kind = redis.call('TYPE', 'events').ok
if kind ~= 'none' and kind ~= 'stream' then return { 'wrong', 'events' } end

local function is_asked_for(event)
  local left = 0
  for _ in pairs(asked.fields) do left = left + 1 end
  for i = 1, #event, 2 do
    if asked.fields[event[i]] == event[i + 1] then left = left - 1 end
  end
  return left == 0
end

local before = asked.before == '+' and '+' or '(' .. asked.before
local entries = redis.call('XREVRANGE', 'events', before, '-', 'COUNT', asked.look)
local found, seen = {}, 0
while seen < #entries and #found < asked.want do
  seen = seen + 1
  if is_asked_for(entries[seen][2]) then found[#found + 1] = entries[seen] end
end
if seen == #entries and seen < asked.look then return { 'ok', '', unpack(found) } end
return { 'ok', entries[seen][1], unpack(found) }
