-- Pools that refused. KEYS: drought:<pool>, one each. ARGV: now, then the ladder of spans, three
-- values a step: until (now and that span, as text that sorts by time), how long the key is kept in
-- seconds, both for a drought of that step. Answers {"ok"}, {"lost"} or {"wrong", key}.
--
-- A drought grows by one step when it is met again after "grows", not with each refusal: a launch
-- asks every few seconds, and three launches at once are one drought.

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'hash' then return { 'wrong', key } end
end

local now, steps = ARGV[1], (#ARGV - 1) / 2
for _, key in ipairs(KEYS) do
  local times = tonumber((redis.call('HGET', key, 'times') or ''):match('^%d%d?%d?%d?$') or 0)
  local grows = redis.call('HGET', key, 'grows') or ''
  if grows <= now then times = times + 1 end
  local step = math.min(math.max(times, 1), steps)
  local until_, kept = ARGV[2 * step], ARGV[2 * step + 1]
  if grows <= now then grows = until_ end
  redis.call('HSET', key, 'times', string.format('%d', times), 'until', until_, 'grows', grows)
  redis.call('EXPIRE', key, kept)
end
return { 'ok' }
