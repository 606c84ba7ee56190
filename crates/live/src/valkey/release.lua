-- ARGV: 2 visit, 3 lease, 4 now.
local own = held(ARGV[2])
if not own or own.lease ~= ARGV[3] then return { 'none' } end
local before = answer('held', own)
redis.call('HDEL', KEYS[3], ARGV[2])
-- Not before its beginning, whatever the clock did.
move(own, math.min(own.free, math.max(tonumber(ARGV[4]), own.started)))
return before
