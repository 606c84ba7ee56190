-- ARGV: 2 number, 3 lease, 4 generation.
local number = number_of(ARGV[2])
if number and number.lease == ARGV[3] and text(number.generation) == ARGV[4] then
  forget(number)
  move(number, number.before)
end
return { 'done' }
