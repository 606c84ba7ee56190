-- ARGV: 2 pool, 3 visit, 4 lease, 5 now, 6 its end.
local pool, visit, lease, now, expires = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('HEXISTS', KEYS[4], pool) == 0 then return { 'unknown' } end
local own = held(visit)
if own and (own.pool == pool or own.free > now) then
  -- In a pool that it left, a lease is not moved on any more.
  move(own, own.pool == pool and math.max(own.free, expires) or own.free)
  return answer('kept', own)
end
local first = redis.call('ZRANGEBYSCORE', free_of(pool), '-inf', text(now), 'LIMIT', 0, 1)[1]
if not first then return { 'exhausted' } end
local number = number_of(first)
-- Only where something was evicted.
if not number then return { 'unbuilt' } end
forget(number)
redis.call('HSET', KEYS[3], visit, first)
lives(KEYS[3])
number.lease, number.visit, number.started, number.before = lease, visit, now, number.free
move(number, math.max(expires, now))
return answer('new', number)
