-- As of one moment: how many nodes KEYS[1] has, and how many the other indexes have together.

local together = 0
for place = 2, #KEYS do together = together + redis.call('ZCARD', KEYS[place]) end
return { redis.call('ZCARD', KEYS[1]), together }
