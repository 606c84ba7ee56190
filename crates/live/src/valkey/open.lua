-- What was built is open. KEYS: as in every script, 5 who builds. ARGV: 1 who built, 2 the epoch, 3 milliseconds that it lasts.
if redis.call('GET', KEYS[5]) ~= ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'lost' } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[5])
return { 'done' }
