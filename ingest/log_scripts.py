"""The two scripts that write the log. APPEND: look for a duplicate, append, remember, in that order.

A failing XADD must leave nothing remembered, or the sender's retry would be taken for a duplicate and the
event lost. Redis runs the script whole, so nobody sees a half of it; and a server without memory refuses its
first write, so it leaves nothing behind.

Keys: the partition's stream, its bookkeeping (a hash), its six day-sets of digests.
Arguments: the bytes that the log may hold, the digests that may be remembered, 1 to append what is
remembered too, then for each event its digest, id, source, account and body.
Returns for each event its entry's id, "duplicate" or "full".

The bookkeeping counts the bytes ever appended; every entry carries that count as it was after it (`n`), so
trimming learns what it freed from the last entry that it removes. Every outcome but "full" writes, so that
WAIT and WAITAOF also cover the first copy of a duplicate, which another connection may have written.
"""

DAYS = 6
ENTRY_OVERHEAD = 160
"""Bytes that an entry takes besides its body, rounded up: its id, field names, node and allocation."""

DIGEST_BYTES = 64
"""Bytes that a remembered digest takes, rounded up: measured as 40 to 57, by how full the table is."""

APPEND = f"""
local log, book = KEYS[1], KEYS[2]
local max_bytes, max_digests, force = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local today = math.floor(tonumber(redis.call('TIME')[1]) / 86400)
local slot = today % {DAYS}
local todays_set = KEYS[3 + slot]

-- A day-set is reused after {DAYS} days; the bookkeeping knows which day it holds. HSET comes first: without
-- memory it is refused, while after an UNLINK the server would let the rest of the script pass.
if tonumber(redis.call('HGET', book, 'day' .. slot) or -1) ~= today then
  redis.call('HSET', book, 'day' .. slot, today)
  redis.call('UNLINK', todays_set)
end
local remembered, days = {{}}, redis.call('HMGET', book, {", ".join(f"'day{day}'" for day in range(DAYS))})
for i = 1, {DAYS} do
  if days[i] then table.insert(remembered, KEYS[2 + i]) end
end

local function known(digest)
  for _, set in ipairs(remembered) do
    if redis.call('SISMEMBER', set, digest) == 1 then return true end
  end
  return false
end

local appended = tonumber(redis.call('HGET', book, 'appended') or 0)
local trimmed = tonumber(redis.call('HGET', book, 'trimmed') or 0)
local outcomes, duplicates = {{}}, 0
for i = 4, #ARGV, 5 do
  local digest, body = ARGV[i], ARGV[i + 4]
  local after = appended + #body + {ENTRY_OVERHEAD}
  if not force and known(digest) then
    duplicates = duplicates + 1
    table.insert(outcomes, 'duplicate')
  elseif after - trimmed > max_bytes then
    table.insert(outcomes, 'full')
  else
    local id = redis.call('XADD', log, '*', 'e', ARGV[i + 1], 's', ARGV[i + 2], 'a', ARGV[i + 3],
      'n', string.format('%.0f', after), 'b', body)
    redis.call('SADD', todays_set, digest)
    appended = after
    redis.call('HSET', book, 'appended', string.format('%.0f', appended))
    table.insert(outcomes, id)
  end
end
if duplicates > 0 then redis.call('HINCRBY', book, 'duplicates', duplicates) end

-- Past its share of memory the oldest day is forgotten: the history's unique key still judges.
local function count_digests()
  local total = 0
  for _, set in ipairs(remembered) do total = total + redis.call('SCARD', set) end
  return total
end
while count_digests() > max_digests do
  local oldest = nil
  for i = 0, {DAYS - 1} do
    local day = redis.call('HGET', book, 'day' .. i)
    if day and (not oldest or tonumber(day) < oldest) then oldest = tonumber(day) end
  end
  redis.call('UNLINK', KEYS[3 + oldest % {DAYS}])
  redis.call('HDEL', book, 'day' .. oldest % {DAYS})
  redis.call('HSET', book, 'forgotten_day', oldest)
end
return outcomes
"""

TRIM = f"""
local log, book, keep, position, event_id = KEYS[1], KEYS[2], ARGV[1], ARGV[3], ARGV[4]
local function fields(entry)
  local found = {{}}
  for i = 1, #entry[2], 2 do found[entry[2][i]] = entry[2][i + 1] end
  return found
end
-- Ids follow the clock: in a log that is not the one that was drained, an older id says nothing.
local own = redis.call('XRANGE', log, position, position)[1]
if not own or fields(own).e ~= event_id then return 0 end
local removed = redis.call('XTRIM', log, 'MINID', '~', keep, 'LIMIT', ARGV[2])
if removed == 0 then return 0 end
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local trimmed = redis.call('HGET', book, 'appended')
if first then
  local entry = fields(first)
  trimmed = string.format('%.0f', tonumber(entry.n) - #entry.b - {ENTRY_OVERHEAD})
end
redis.call('HSET', book, 'trimmed', trimmed)
return removed
"""
"""Removes entries before the one to keep, whole nodes of them, so a few may stay.

Keys: the partition's stream, its bookkeeping. Arguments: the id of the oldest entry to keep; how many to
remove at most, which bounds the time that the server is held; the checkpoint's entry, its id and its event:
without that very entry nothing is removed. Returns how many were removed.
"""
