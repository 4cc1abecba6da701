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
  if known[1] then
    return {known[2] == digest and 'known' or 'reused', known[1]}
  end
end
local created = now()
redis.call('HSET', job, 'id', id, 'state', 'queued', 'attempts', 0, 'created_at', created,
  'updated_at', created, unpack(ARGV, 6))
redis.call('EXPIRE', job, ARGV[3])
redis.call('ZADD', open, created + ARGV[5], id)
if digest ~= '' then
  redis.call('HSET', record, 'job', id, 'digest', digest)
  redis.call('EXPIRE', record, ARGV[4])
end
return {'fresh', id}
"""
)
"""Creates a job, unless its idempotency key was used before.

Keys: the job, the idempotency record, the open jobs.
Arguments: the job's id; the request's digest, empty without a key; the seconds that the job and the record
are kept; in how many seconds to look at it; the job's other fields and values.
Returns "fresh", "known" or "reused" (the key came with another request), and the id of the job concerned.
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
