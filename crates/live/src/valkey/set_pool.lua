-- ARGV: 2 pool, 3 now, 4… its numbers, those first that are leased first.
local pool, now = ARGV[2], tonumber(ARGV[3])
local wanted = {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
redis.call('HSET', KEYS[4], pool, '1')
for _, id in ipairs(redis.call('ZRANGE', free_of(pool), 0, -1)) do
  if not wanted[id] then
    redis.call('ZREM', free_of(pool), id)
    local number = number_of(id)
    if number then
      number.left, number.pool = pool, ''
      keep(number)
    end
  end
end
for i = 4, #ARGV do
  local number = number_of(ARGV[i])
  if not number then
    -- It was never leased: before all that were, in the order in which they came.
    local added = redis.call('HINCRBY', KEYS[4], 'added', 1)
    keep({
      id = ARGV[i], pool = pool, left = '', free = added - 4503599627370496, lease = '', visit = '',
      started = 0, before = 0, generation = 0,
    })
  elseif number.pool ~= pool then
    local from = number.pool
    if from ~= '' then redis.call('ZREM', free_of(from), number.id) else from = number.left end
    if from ~= pool then
      if number.free <= now then forget(number) end
      number.left = from
    end
    number.pool = pool
    keep(number)
  end
end
lives(KEYS[4])
return { 'done' }
