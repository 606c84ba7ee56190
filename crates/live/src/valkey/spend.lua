-- KEYS: 5 the nonce. ARGV: 2 milliseconds that it is remembered.
if redis.call('SET', KEYS[5], '1', 'NX', 'PX', ARGV[2]) then return { 'done' } end
return { 'spent' }
