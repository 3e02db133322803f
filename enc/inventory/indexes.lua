-- As of one moment: how many nodes there are, and how many the indexes in ARGV[1], a list in JSON,
-- have together. Not as KEYS: to name one there, Redis' ACL asks for the right to change it.

local together = 0
for _, index in ipairs(cjson.decode(ARGV[1])) do
  together = together + redis.call('ZCARD', index)
end
return { redis.call('ZCARD', 'nodes'), together }
