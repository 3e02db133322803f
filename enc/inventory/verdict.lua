-- What was judged of a certificate request, into the log: one event for each certname and reason
-- in a minute, and for all unknown certnames together sixty. What is not written is counted, and
-- the next event that is written says how many it stands for (times).
--
-- ARGV[1] is JSON: certname; reason; known (true for a certname of the inventory or the archive);
-- event (field, text, field, text, ...); now (epoch seconds); limits (life, events: entries).
-- Answers {"logged"}, {"counted"}, {"lost"} or {"wrong", key}.

local SPAN, FLOOD, KEPT = 60, 60, 86400
local verdict = cjson.decode(ARGV[1])
local now = math.floor(verdict.now)
local own = 'verdict:' .. verdict.certname .. ':' .. verdict.reason
local shared, life = 'verdicts:unknown', 'life:' .. verdict.certname

local function first_wrong()
  local expected = { meta = 'hash', events = 'stream', [own] = 'hash', [shared] = 'hash',
    [life] = 'list' }
  for key, wanted in pairs(expected) do
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= wanted then return key end
  end
end

local function number(key, field) return tonumber(redis.call('HGET', key, field) or '0') or 0 end

-- A clock that was put back must not silence us: a minute that begins later is over.
local function within(key)
  local began = number(key, 'began')
  return began <= now and now - began < SPAN
end

local function begin(key, kept)
  redis.call('HSET', key, 'began', now, 'events', 0)
  redis.call('EXPIRE', key, kept)
end

local wrong = first_wrong()
if wrong then return { 'wrong', wrong } end
if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end

-- The key of an unknown certname lives no longer than its minute: anybody can make up names. So
-- what is not written of it is counted where all of them are.
local counter = verdict.known and own or shared
if not verdict.known and not within(shared) then begin(shared, KEPT) end
if within(own) and number(own, 'events') > 0 then
  redis.call('HINCRBY', counter, 'unlogged', 1)
  return { 'counted' }
end
if not verdict.known and number(shared, 'events') >= FLOOD then
  redis.call('HINCRBY', shared, 'unlogged', 1)
  return { 'counted' }
end

begin(own, verdict.known and KEPT or SPAN)
redis.call('HINCRBY', own, 'events', 1)
if not verdict.known then redis.call('HINCRBY', shared, 'events', 1) end
local event, times = verdict.event, number(counter, 'unlogged') + 1
if times > 1 then
  event[#event + 1] = 'times'
  event[#event + 1] = string.format('%d', times)
end
redis.call('XADD', 'events', 'MAXLEN', '~', verdict.limits.events, '*', unpack(event))
redis.call('HDEL', counter, 'unlogged')

-- A life has room for 200 entries: a stranger who asks again and again must not wash it out.
local lived = number(own, 'lived')
local lately = lived > 0 and lived <= now and now - lived < KEPT
if redis.call('EXISTS', life) == 1 and not lately then
  local entry = {}
  for i = 1, #event, 2 do entry[event[i]] = event[i + 1] end
  redis.call('RPUSH', life, cjson.encode(entry))
  redis.call('LTRIM', life, -verdict.limits.life, -1)
  redis.call('HSET', own, 'lived', now)
end
return { 'logged' }
