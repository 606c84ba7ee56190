-- ARGV: 2 visit, 3… pools.
local own = held(ARGV[2])
if not own then return { 'none' } end
for _, pool in ipairs({ own.pool, own.left }) do
  for i = 3, #ARGV do
    if ARGV[i] == pool then return { 'held', pool } end
  end
end
return { 'none' }
