/**
 * The scripts that Redis runs on the log of a room. Redis runs one script at a time, so no two nodes can
 * give out the same `seq` or `rev`. The hash `log` has:
 *
 * - `epoch`, `head` and `rev`: the epoch, the head and the newest revision;
 * - `at`: when the log last grew;
 * - `refs` and `kept`: how many there are of the two `ref` hashes, and of the sets that revisions need;
 * - `emptied`: the head when all entries were too old;
 * - `life` and `start`: the run of Redis in which it was last used, and the newest revision at its start;
 * - `marks`: where each earlier mark ended;
 * - `aged`: when what is too old was last deleted;
 * - and for each node the last batch that it appended and the last one that it revised, so that a repeated
 *   one is recognised.
 *
 * The other keys are described in `entries_script.ts`.
 *
 * A run ends when the server restarts, perhaps with a restored backup, or when a replica takes over. The
 * newest writes may then be missing. If no node is left that knows the log, the epoch gets another mark
 * (`epoch.mark`).
 *
 * Redis may evict any of these keys. Without `log` or `entries` the log is lost. Without one of the
 * others it is kept under another epoch, since within one epoch no message may be stored twice, and no
 * revision may be missed. Without `asked` a revision that comes late may undo a newer one.
 *
 * What is too old is deleted by the earlier of two clocks: Redis's own, and the node's, which does not
 * follow a jump at once. Redis expires keys by its own clock, so two things cannot be helped: a jump
 * ahead by more than `retainDays` and a day deletes every log; and a key that was given its expiry during
 * a jump lives that much longer, or until the log is next written to.
 *
 * @module
 */
import { ENTRIES, script } from "./entries_script.ts";

/**
 * The part that the scripts share which write. Arguments: the present run of Redis, an epoch for the case
 * that another is needed, the channel, `1` while other nodes may know more, the caller's epoch, head, tip,
 * rev and the run of that rev, and what is kept: messages, milliseconds, and the time by which they age.
 */
export const LOG = `${ENTRIES}
local run_id, candidate, channel, waits = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local known_epoch, known_head, known_tip = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local known_rev, known_rev_run = tonumber(ARGV[8]), ARGV[9]
local retain_messages, retain_ms, trusted = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000
local APPENDED = 600000 -- a repeated batch is recognised for at least so long
local MARKS = 32 -- earlier marks that are kept

-- Counts the sets that revisions need, so that a missing one is noticed.
local function count_kept()
  redis.call('HSET', log, 'kept', redis.call('EXISTS', revs, reactions, about))
end

-- Deletes the entries below a seq, and what is kept about their messages.
local function trim(min)
  if redis.call('ZREMRANGEBYSCORE', entries, '-inf', '(' .. min) == 0 then return end
  if redis.call('EXISTS', entries) == 0 then
    redis.call('HSET', log, 'emptied', redis.call('HGET', log, 'head'))
  end
  if redis.call('EXISTS', about) == 0 then return end
  local oldest = redis.call('ZRANGE', entries, 0, 0)[1]
  local first = oldest and parsed(oldest) or min
  while true do
    local gone = redis.call('ZRANGEBYSCORE', about, '-inf', '(' .. first, 'LIMIT', 0, MAX)
    if #gone == 0 then break end
    for _, key in ipairs({ revs, reactions, about }) do redis.call('ZREM', key, unpack(gone)) end
  end
  count_kept()
end

-- Deletes who has reacted to a message.
local function forget_reactions(seq)
  while true do
    local all, gone = redis.call('ZRANGEBYSCORE', about, seq, seq, 'LIMIT', 0, MAX), {}
    for _, member in ipairs(all) do
      if member ~= seq then gone[#gone + 1] = member end
    end
    if #gone == 0 then return end
    for _, key in ipairs({ reactions, about }) do redis.call('ZREM', key, unpack(gone)) end
  end
end

-- Whether the log still has everything that the caller knows of.
local function is_complete(epoch, head, rev, start)
  if known_epoch ~= epoch or known_head > head or known_rev > rev then return false end
  -- Revisions of an earlier run that are missing may have been followed by others with their numbers.
  if known_rev_run ~= run_id and known_rev > start then return false end
  if known_tip == '' then return true end
  local first, last, text, at = entry_of(known_head)
  return not first or at == known_tip
end

-- Gives the epoch another mark. What was shown under the earlier one is good up to this head and rev.
local function mark(epoch, head, rev)
  local name, old = string.match(epoch, '^([^.]*)%.?(.*)$')
  local marks = redis.call('HGET', log, 'marks') or ''
  marks = marks .. old .. ':' .. string.format('%.0f:%.0f', head, rev) .. ' '
  local _, count = string.gsub(marks, ' ', ' ')
  if count > MARKS then marks = string.match(marks, '^%S+ (.*)$') end
  redis.call('HSET', log, 'marks', marks)
  return name .. '.' .. candidate
end

-- Returns the log, begun anew if it was lost. Returns nothing if another node may know more.
local function find()
  local found = redis.call('HMGET', log, 'epoch', 'head', 'life', 'at', 'refs', 'rev', 'kept', 'start', 'emptied')
  local epoch, head, at = found[1], tonumber(found[2] or 0), tonumber(found[4] or 0)
  local refs, rev, kept = tonumber(found[5] or 0), tonumber(found[6] or 0), tonumber(found[7] or 0)
  local is_new_run = found[3] ~= run_id
  -- In a new run it has yet to be set. It is what there is now.
  local start = is_new_run and rev or tonumber(found[8] or 0)
  local has_entries = head > 0 and tonumber(found[9] or 0) ~= head
  local is_gone, is_partial = not epoch, false
  local keys = redis.call('EXISTS', entries, young, old, revs, reactions, about)
  if epoch and keys < (has_entries and 1 or 0) + refs + kept and (retain_ms == 0 or now - at < retain_ms) then
    is_gone = has_entries and redis.call('EXISTS', entries) == 0
    is_partial = not is_gone
  end
  local is_lost = is_gone or is_partial
  local is_known = known_epoch ~= '' and known_epoch == epoch
  local was_cut = is_known and not is_complete(epoch, head, rev, start)
  if not is_lost and not is_new_run and not was_cut then return epoch, head, at, refs, rev end
  if not is_lost and not is_known and waits then return nil end
  if is_lost then
    redis.call('DEL', young, old, revs, reactions, about, asked, asked_old)
    redis.call('HSET', log, 'refs', 0, 'kept', 0)
    refs = 0
  end
  if is_gone then
    redis.call('DEL', entries)
    head, rev = 0, 0
  end
  if is_lost or was_cut then
    epoch = candidate
    redis.call('HDEL', log, 'marks')
    redis.call('PUBLISH', channel, 'e')
  elseif not is_known then
    epoch = mark(epoch, head, rev)
    redis.call('PUBLISH', channel, 'e')
  end
  redis.call('HSET', log, 'epoch', epoch, 'head', string.format('%.0f', head), 'life', run_id)
  redis.call('HSET', log, 'rev', rev, 'start', rev)
  if head == 0 then redis.call('PEXPIRE', log, DAY) end
  return epoch, head, at, refs, rev
end

-- Once a minute: deletes what is too old, and sets when the keys expire.
local function age()
  -- math.abs: a clock that was put back would else keep everything until it has caught up.
  if math.abs(now - tonumber(redis.call('HGET', log, 'aged') or 0)) < 60000 then return end
  local past = math.min(now, trusted)
  redis.call('HSET', log, 'aged', string.format('%.0f', now))
  local fields = redis.call('HGETALL', log)
  for i = 1, #fields, 2 do
    local appended = string.sub(fields[i], 1, 3) == 'by:' and string.match(fields[i + 1], '^%S+ %S+ %S+ %S+ (%S+)')
    if appended and tonumber(appended) < past - APPENDED then redis.call('HDEL', log, fields[i]) end
  end
  if retain_ms == 0 then
    for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
    return
  end
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, retain_ms + DAY) end
  redis.call('PEXPIRE', log, retain_ms + 30 * DAY)
  local up_to
  for _, member in ipairs(redis.call('ZRANGE', entries, 0, 63)) do
    local _, last, _, at = parsed(member)
    if tonumber(at) >= past - retain_ms then break end
    up_to = last
  end
  if up_to then trim(up_to + 1) end
end
`;

/** Reads where the log stands. → `ok` epoch head at rev; or `doubt` */
export const POSITION = script(`${LOG}
local epoch, head, at, _, rev = find()
if not epoch then return { 'doubt' } end
if head == 0 then redis.call('PEXPIRE', log, DAY) else age() end
return { 'ok', epoch, head, at, rev }
`);
