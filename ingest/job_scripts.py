"""The scripts that write jobs: each change is whole, or is not.

A job's keys share a hash tag, so that a cluster keeps them together: the job's hash, the request's
idempotency record (a hash), the open jobs (a sorted set, by when somebody should next look at them).
Instants are seconds since 1970, by the server's clock.
"""

NOW = """
local function now()
  local time = redis.call('TIME')
  return string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000)
end
"""

CREATE = (
    NOW
    + """
local job, record, open = KEYS[1], KEYS[2], KEYS[3]
local id, digest = ARGV[1], ARGV[2]
if digest ~= '' then
  local known = redis.call('HMGET', record, 'job', 'digest')
  if known[1] and known[1] ~= id then
    if known[2] ~= digest then return {'reused'} end
    return {'known', redis.call('HGETALL', ARGV[6] .. known[1])}
  end
end
-- The same id again is the same request, which a connection that broke made its client send twice.
if redis.call('EXISTS', job) == 0 then
  local created = now()
  redis.call('HSET', job, 'id', id, 'state', 'queued', 'attempts', 0, 'created_at', created,
    'updated_at', created, unpack(ARGV, 7))
  redis.call('EXPIRE', job, ARGV[3])
  redis.call('ZADD', open, created + ARGV[5], id)
  if digest ~= '' then
    redis.call('HSET', record, 'job', id, 'digest', digest)
    redis.call('EXPIRE', record, ARGV[4])
  end
end
return {'fresh', redis.call('HGETALL', job)}
"""
)
"""Creates a job, unless its idempotency key was used before.

Keys: the job, the idempotency record, the open jobs.
Arguments: the job's id; the request's digest, empty without a key; the seconds that the job and the record
are kept; in how many seconds to look at it; what a job's key begins with; the job's other fields and values.
Returns "fresh" or "known" and the job's fields and values, or "reused": the key came with another request.
"""

CHANGE = (
    NOW
    + """
local job, open, done = KEYS[1], KEYS[2], KEYS[3]
local state = redis.call('HGET', job, 'state')
if not state or state == 'succeeded' or state == 'failed' then return 0 end
local id, changed = ARGV[1], now()
redis.call('HSET', job, 'state', ARGV[2], 'updated_at', changed, unpack(ARGV, 5))
if ARGV[2] == 'running' then redis.call('HINCRBY', job, 'attempts', 1) end
if ARGV[2] == 'retrying' then redis.call('HDEL', job, 'broken_off') end
if ARGV[2] == 'succeeded' or ARGV[2] == 'failed' then
  redis.call('ZREM', open, id)
  redis.call('RPUSH', done, ARGV[2])
  redis.call('EXPIRE', done, ARGV[3])
else
  redis.call('ZADD', open, ARGV[4] == '' and changed + ARGV[3] or ARGV[4], id)
end
return 1
"""
)
"""Changes a job that is not finished; a finished one stays as it is.

Keys: the job, the open jobs, the list by which those who wait for it learn that it is finished.
Arguments: the job's id; its new state; the seconds until it should be looked at, or that the list is kept;
the instant to look at it, instead; fields and values to set.
Returns 1, or 0 if the job is finished or forgotten.
"""

BREAK_OFF = (
    NOW
    + """
local job, open, done = KEYS[1], KEYS[2], KEYS[3]
local facts = redis.call('HMGET', job, 'state', 'attempts', 'broken_off_at')
local state, attempts, counted = facts[1], facts[2], facts[3]
if not state or state == 'succeeded' or state == 'failed' then return 0 end
if ARGV[2] ~= '' and (state ~= 'running' or attempts ~= ARGV[2] or counted == attempts) then return 0 end
local id, changed = ARGV[1], now()
local times = redis.call('HINCRBY', job, 'broken_off', 1)
redis.call('HSET', job, 'broken_off_at', attempts, 'updated_at', changed)
if times >= tonumber(ARGV[3]) then
  redis.call('HSET', job, 'state', 'failed', 'next_try_at', '', 'problem', ARGV[6])
  redis.call('ZREM', open, id)
  redis.call('RPUSH', done, 'failed')
  redis.call('EXPIRE', done, ARGV[5])
elseif times > 1 then
  local at = changed + ARGV[4] * 2 ^ (times - 2)
  redis.call('HSET', job, 'state', 'retrying', 'next_try_at', at)
  redis.call('ZADD', open, at, id)
end
return times
"""
)
"""Counts an attempt that its process' end cut off; the count begins anew when an attempt ends otherwise.

Keys: as CHANGE's. Arguments: the job's id; the attempt that is meant, empty for whichever it is; the most in
a row; the seconds of the first pause, which doubles; the seconds that the list is kept; the problem of a job
that is given up. Returns how many there were in a row, or 0 where nothing was counted: the job is finished,
another attempt is under way, or this one was counted already.
"""
