-- One converge at a time. ARGV: what to do (take, renew, give); take: who, the span in milliseconds;
-- renew: the lease's value, the span; give: the value.
-- Answers {"ok", value}, {"held", value, milliseconds left}, {"fenced"}, {"lost"} or {"wrong", key}.
--
-- A value begins with an epoch that only grows, so no two leases are alike, whoever takes them.

local LEASE, EPOCH = 'lease:converge', 'epoch:converge'
local act, whose, span = ARGV[1], ARGV[2], ARGV[3]

if redis.call('EXISTS', 'meta') == 0 then return { 'lost' } end
for _, key in ipairs({ LEASE, EPOCH }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= 'string' then return { 'wrong', key } end
end
local there = redis.call('GET', LEASE)

if act == 'take' then
  -- The answer to a first call may have been lost: who it is for says the same word again.
  if there and string.match(there, '^%d+ (.*)$') == whose then
    redis.call('PEXPIRE', LEASE, span)
    return { 'ok', there }
  end
  if there then return { 'held', there, redis.call('PTTL', LEASE) } end
  local value = redis.call('INCR', EPOCH) .. ' ' .. whose
  redis.call('SET', LEASE, value, 'PX', span)
  return { 'ok', value }
end

if there ~= whose then return { 'fenced' } end
if act == 'renew' then redis.call('PEXPIRE', LEASE, span) else redis.call('DEL', LEASE) end
return { 'ok', whose }
