-- A step through the log, back or forward. ARGV[1] is JSON: forward (true: from the oldest on); place
-- (the stream id behind which to go on; "+" at the end, "-" at the beginning); look (how many events
-- to look at); want (how many to find at most); fields (field -> the text that it must have). Answers
-- {"ok", id, "more" or "over", {id, {field, text, ...}}, ...}, where the id is that of the last event
-- looked at, empty where there was none; {"lost"}; or {"wrong", key}.

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

local is_end = asked.place == '+' or asked.place == '-'
local place = is_end and asked.place or '(' .. asked.place
local command, last = 'XREVRANGE', '-'
if asked.forward then command, last = 'XRANGE', '+' end
local entries = redis.call(command, 'events', place, last, 'COUNT', asked.look)
local found, seen = {}, 0
while seen < #entries and #found < asked.want do
  seen = seen + 1
  if is_asked_for(entries[seen][2]) then found[#found + 1] = entries[seen] end
end
local is_over = seen == #entries and seen < asked.look
return { 'ok', seen > 0 and entries[seen][1] or '', is_over and 'over' or 'more', unpack(found) }
