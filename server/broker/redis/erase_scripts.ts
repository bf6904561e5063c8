/**
 * The scripts that erase on Redis. What becomes of a message is worked out on the node; `ERASE` stores it if
 * the entries are still what the node has read.
 *
 * @module
 */
import { script } from "./entries_script.ts";
import { LOG } from "./log_scripts.ts";

/**
 * Replaces entries and takes reactions back. Further arguments: a time and a number, which are not used;
 * `1` to give the log another epoch; and four lists, each after its length: the old and the new member of
 * each entry; the `seq`s of the messages whose reactions go; members of `reactions`; and fields of the hashes
 * of `ref`s.
 *
 * → `ok`; or `moved`, if an entry is not there any more; or `doubt`
 */
export const ERASE = script(`${LOG}
local epoch = find()
if not epoch then return { 'doubt' } end
local is_last, from = ARGV[15] == '1', 16
local function list()
  local found, count = {}, tonumber(ARGV[from])
  for i = from + 1, from + count do found[#found + 1] = ARGV[i] end
  from = from + count + 1
  return found
end
local members, seqs, reacted, fields = list(), list(), list(), list()
for i = 1, #members, 2 do
  if not redis.call('ZSCORE', entries, members[i]) then return { 'moved' } end
end
for i = 1, #members, 2 do
  local _, last = parsed(members[i])
  redis.call('ZADD', entries, last, members[i + 1])
  redis.call('ZREM', entries, members[i]) -- after the other: an empty set would lose its expiry
end
for _, seq in ipairs(seqs) do forget_reactions(seq) end
for _, member in ipairs(reacted) do
  redis.call('ZREM', reactions, member)
  redis.call('ZREM', about, member)
end
for _, field in ipairs(fields) do
  redis.call('HDEL', young, field)
  redis.call('HDEL', old, field)
end
count_kept()
redis.call('HSET', log, 'refs', redis.call('EXISTS', young, old))
if not is_last then return { 'ok' } end
-- No cursor from before may be resumed: its client would not be told what is gone.
redis.call('HSET', log, 'epoch', string.match(epoch, '^[^.]*') .. '.' .. candidate)
redis.call('HDEL', log, 'marks')
redis.call('PUBLISH', channel, 'e')
return { 'ok' }
`);

/** Erases a room. Its log begins anew. Arguments: those of `LOG`. → `ok` */
export const ERASE_ROOM = script(`${LOG}
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', log, 'epoch', candidate, 'head', 0, 'rev', 0, 'start', 0, 'refs', 0, 'kept', 0, 'life', run_id)
redis.call('PEXPIRE', log, DAY)
redis.call('PUBLISH', channel, 'e')
return { 'ok' }
`);
