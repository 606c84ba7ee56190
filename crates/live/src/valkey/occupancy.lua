-- ARGV: 2 pool, 3 now.
return {
  'held',
  text(redis.call('ZCOUNT', free_of(ARGV[2]), '(' .. ARGV[3], '+inf')),
  text(redis.call('ZCARD', free_of(ARGV[2]))),
}
