/**
 * The scripts that revise messages. What a revision comes to is worked out on the node, by `Revisable`, from
 * what `TARGETS` reads; `REVISE` stores it if none of the messages has been revised meanwhile.
 *
 * @module
 */
import { ENTRIES, script } from "./entries_script.ts";
import { LOG } from "./log_scripts.ts";

/**
 * Reads what is to be revised. Arguments: how many messages, their `seq`s; how many `ref`s, their fields of
 * `asked`; and for each user and message the beginning of the members of `reactions`.
 *
 * → epoch, now, for each message: event, at (both empty if it is not kept), rev; for each `ref` what it was
 * given, or nothing; then for each user and message a list of members
 */
export const TARGETS = script(`${ENTRIES}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local list = { redis.call('HGET', log, 'epoch') or '', now }
local count = tonumber(ARGV[1])
for i = 2, count + 1 do
  local event, at = event_of(tonumber(ARGV[i]))
  local rev = redis.call('ZSCORE', revs, ARGV[i]) or '0'
  for _, value in ipairs({ event or '', at or '', rev }) do list[#list + 1] = value end
end
local REFS = count + 2 -- arguments before the refs
local PAIRS = REFS + tonumber(ARGV[REFS])
for i = REFS + 1, PAIRS do
  list[#list + 1] = redis.call('HGET', asked, ARGV[i]) or redis.call('HGET', asked_old, ARGV[i]) or ''
end
for i = PAIRS + 1, #ARGV do
  list[#list + 1] = redis.call('ZRANGEBYLEX', reactions, '[' .. ARGV[i], '(' .. ARGV[i] .. '\\255')
end
return list
`);

/**
 * Stores revised messages, if they are still as `TARGETS` has read them, and publishes them. There may be
 * none: then it only remembers `ref`s. Further arguments: the latest time to revise (by Redis's clock), the
 * batch's number, the node's field in the log, dedupeMessages, the epoch that was read, how many messages, how
 * many `ref`s; for each message its `seq`, the rev that it had, `1` if it is deleted, and its event without
 * `seq`, `at` and the number of its `rev`, which is the end of it; for each `ref` its field of `asked` and what
 * it is given; then for each changed reaction its `seq`, `+` or `-`, and its member of `reactions`.
 *
 * → `ok` epoch before last: the messages have the revisions after `before`; or `moved`; `late` now; `doubt`
 */
export const REVISE = script(`${LOG}
local batch, by, dedupe, read_epoch = ARGV[14], ARGV[15], tonumber(ARGV[16]), ARGV[17]
local count, refs = tonumber(ARGV[18]), tonumber(ARGV[19])
local MESSAGES = 19 -- arguments before the messages
local REFS = MESSAGES + 4 * count
local REACTIONS = REFS + 2 * refs

-- These were revised already, and only the answer was lost.
local done = redis.call('HGET', log, by)
if done then
  local number, epoch, before, last = string.match(done, '^(%S+) (%S+) (%S+) (%S+)')
  if number == batch then return { 'ok', epoch, before, last } end
end
-- The sender has been told by now that it could not be stored.
if now > tonumber(ARGV[13]) then return { 'late', now } end
local epoch, _, _, _, before = find()
if not epoch then return { 'doubt' } end
if epoch ~= read_epoch then return { 'moved' } end
for i = MESSAGES + 1, REFS, 4 do
  local rev = redis.call('ZSCORE', revs, ARGV[i]) or '0'
  if rev ~= ARGV[i + 1] or not entry_of(tonumber(ARGV[i])) then return { 'moved' } end
end

-- Replaces an event, which becomes an entry of its own. Returns its at.
local function replace(seq, event)
  local first, last, text, at, member = entry_of(seq)
  local place, list = seq - first + 1, {}
  if first < last then
    for one in string.gmatch(text, EVENT) do list[#list + 1] = one end
  end
  if first < seq then put(seq - 1, place - 1, at, table.concat(list, ',\\n', 1, place - 1)) end
  put(seq, 1, at, event)
  if seq < last then put(last, last - seq, at, table.concat(list, ',\\n', place + 1)) end
  redis.call('ZREM', entries, member) -- after the others: an empty set would lose its expiry
  return at
end

local last = before + count
-- The first command may be refused because Redis is full: nothing has been changed yet.
redis.call('HSET', log, by, table.concat({ batch, epoch, before, last, string.format('%.0f', now) }, ' '))
redis.call('HSET', log, 'rev', last)
local lines, rev = {}, before
for i = MESSAGES + 1, REFS, 4 do
  local seq = ARGV[i]
  rev = rev + 1
  local event = ARGV[i + 3] .. rev .. '}'
  local at = replace(tonumber(seq), event)
  redis.call('ZADD', revs, rev, seq)
  redis.call('ZADD', about, seq, seq)
  if ARGV[i + 2] == '1' then forget_reactions(seq) end
  lines[#lines + 1] = seq .. ' ' .. at .. ' ' .. event
end
if refs > 0 and redis.call('HLEN', asked) >= dedupe then
  redis.call('UNLINK', asked_old)
  redis.call('RENAME', asked, asked_old)
end
for i = REFS + 1, REACTIONS, 2 do redis.call('HSET', asked, ARGV[i], ARGV[i + 1]) end
for i = REACTIONS + 1, #ARGV, 3 do
  local seq, kind, member = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == '+' then
    redis.call('ZADD', reactions, 0, member)
    redis.call('ZADD', about, seq, member)
  else
    redis.call('ZREM', reactions, member)
    redis.call('ZREM', about, member)
  end
end
count_kept()
local ttl = redis.call('PTTL', entries)
if ttl > 0 then
  for _, key in ipairs({ revs, reactions, about, asked }) do redis.call('PEXPIRE', key, ttl) end
end
age()
if count == 0 then return { 'ok', epoch, before, last } end
redis.call('PUBLISH', channel, 'v' .. epoch .. ' ' .. before .. ' ' .. run_id .. '\\n' .. table.concat(lines, '\\n'))
return { 'ok', epoch, before, last }
`);

/**
 * Reads messages that were revised. Arguments: the rev to read after, the highest `seq`, limit, chars.
 *
 * → for each message, in the order of rev: seq, rev, at, event
 */
export const REVISED = script(`${ENTRIES}
local after, up_to, limit, chars = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local list = {}
while true do
  local some = redis.call('ZRANGEBYSCORE', revs, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, 256)
  for i = 1, #some, 2 do
    if #list >= 4 * limit or chars <= 0 then return list end
    local seq, rev = some[i], some[i + 1]
    after = rev
    local event, at
    if tonumber(seq) <= up_to then event, at = event_of(tonumber(seq)) end
    if event then
      for _, value in ipairs({ seq, rev, at, event }) do list[#list + 1] = value end
      chars = chars - #event
    end
  end
  if #some == 0 then return list end
end
`);
