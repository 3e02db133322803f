-- Every role as of one moment. Answers {"ok", roles_rev, {name, {field, text, ...}}, ...}, where
-- "wrong" stands in place of the fields of a key that holds no hash; {"lost"}; or {"wrong", key}.

local function type_of(key) return redis.call('TYPE', key).ok end

local meta, roles = type_of('meta'), type_of('roles')
if meta == 'none' then return { 'lost' } end
if meta ~= 'hash' then return { 'wrong', 'meta' } end
if roles ~= 'none' and roles ~= 'set' then return { 'wrong', 'roles' } end

local answer = { 'ok', redis.call('HGET', 'meta', 'roles_rev') or '' }
for _, name in ipairs(redis.call('SMEMBERS', 'roles')) do
  local key = 'role:' .. name
  local kind = type_of(key)
  local is_wrong = kind ~= 'none' and kind ~= 'hash'
  answer[#answer + 1] = { name, is_wrong and 'wrong' or redis.call('HGETALL', key) }
end
return answer
