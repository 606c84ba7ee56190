-- ARGV: 2 pool, 3 visit, 4 lease, 5 its end.
local own = held(ARGV[3])
if not own or own.lease ~= ARGV[4] then return { 'none' } end
if own.pool == ARGV[2] then move(own, math.max(own.free, tonumber(ARGV[5]))) end
return answer('held', own)
