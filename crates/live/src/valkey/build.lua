-- An account from its rows; it is closed until open.lua says otherwise. KEYS: as in every script, 5 who builds. ARGV: 1 who
-- builds, which is the epoch meanwhile, 2 milliseconds that this may take, 3 milliseconds that rows are kept, 4 leases, for
-- each of them number, pool, lease, visit, beginning and end; then spent nonces, each with its milliseconds.
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return { 'lost' } end
for _, pool in ipairs(redis.call('HKEYS', KEYS[4])) do
  redis.call('DEL', KEYS[4] .. ':' .. pool)
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
local at = 5
for _ = 1, tonumber(ARGV[4]) do
  local number, pool, lease, visit, started, free = unpack(ARGV, at, at + 5)
  redis.call('HSET', KEYS[2], number, table.concat({ '', pool, free, lease, visit, started, started, '0' }, '|'))
  redis.call('HSET', KEYS[3], visit, number)
  at = at + 6
end
for i = at, #ARGV, 2 do
  redis.call('SET', KEYS[4] .. ':spent:' .. ARGV[i], '1', 'PX', ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
