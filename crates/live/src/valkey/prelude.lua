-- What every script begins with. KEYS: 1 the epoch, 2 the numbers, 3 who holds which, 4 the pools; ARGV[1] is the epoch.
-- All of an account is in one hash slot. Times are microseconds, which a double holds exactly until the year 2255.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'unbuilt' } end

-- Twice as long as an epoch: nothing of an account goes before its epoch does.
local LIFE = 172800000

local function text(number) return string.format('%.0f', number) end
local function free_of(pool) return KEYS[4] .. ':' .. pool end
local function lives(key) redis.call('PEXPIRE', key, LIFE) end

local function number_of(id)
  local row = redis.call('HGET', KEYS[2], id)
  if not row then return nil end
  local pool, left, free, lease, visit, started, before, generation =
    string.match(row, '^(.-)|(.-)|(.-)|(.-)|(.-)|(.-)|(.-)|(.-)$')
  return {
    id = id, pool = pool, left = left, free = tonumber(free), lease = lease, visit = visit,
    started = tonumber(started), before = tonumber(before), generation = tonumber(generation),
  }
end

local function keep(number)
  local row = table.concat({
    number.pool, number.left, text(number.free), number.lease, number.visit,
    text(number.started), text(number.before), text(number.generation),
  }, '|')
  redis.call('HSET', KEYS[2], number.id, row)
  lives(KEYS[2])
  if number.pool ~= '' then
    redis.call('ZADD', free_of(number.pool), text(number.free), number.id)
    lives(free_of(number.pool))
  end
end

-- Changes the instant from which a number is free.
local function move(number, free)
  number.free = free
  number.generation = number.generation + 1
  keep(number)
end

-- Whoever held it last does not come back to it.
local function forget(number)
  if number.visit ~= '' and redis.call('HGET', KEYS[3], number.visit) == number.id then
    redis.call('HDEL', KEYS[3], number.visit)
  end
  number.lease = ''
  number.visit = ''
end

-- The number that a visit holds, or held last when nobody has been given it since.
local function held(visit)
  local id = redis.call('HGET', KEYS[3], visit)
  local number = id and number_of(id)
  if number and number.visit == visit then return number end
  return nil
end

local function answer(word, number)
  return {
    word, number.id, number.lease, number.visit, text(number.started), text(number.free), text(number.generation),
  }
end
