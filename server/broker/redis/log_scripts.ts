/**
 * The scripts that Redis runs on a room's log. Redis runs one script at a time, so no two nodes can give
 * out the same `seq`. A room has
 *
 * - `log`, a hash: the epoch, the head, when it last grew (`at`), how many of the two `ref` hashes there
 *   are (`refs`), the run of Redis in which it was last used (`life`), where each earlier mark ended
 *   (`marks`), and for each node the last batch that it appended, so that a repeated one is recognised;
 * - `entries`, a stream: one entry for each batch. Its id is the last `seq`, its text the events without
 *   `seq` and `at`: only Redis knows these, and each node fills them in;
 * - `young` and `old`, two hashes: the `seq` of each user's `ref`.
 *
 * A run ends when the server restarts, perhaps with a restored backup, or when a replica takes over. The
 * newest writes may then be missing. If no node is left that knows the log, the epoch gets another mark
 * (`epoch.mark`).
 *
 * Redis may evict any of these keys. Without `log` or `entries` the log is lost. Without the `ref`s it
 * is kept under another epoch, since within one epoch no message may be stored twice.
 *
 * What is too old is deleted by the earlier of two clocks: Redis's own, and the node's, which does not
 * follow a jump at once. Redis expires keys by its own clock, so two things cannot be helped: a jump
 * ahead by more than `retainDays` and a day deletes every log; and a key that was given its expiry during
 * a jump lives that much longer, or until the log is next written to.
 *
 * @module
 */
import { createHash } from "node:crypto";

export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/**
 * The part that the scripts share. Keys: log, entries, young, old. Arguments: the present run of Redis,
 * an epoch for the case that another is needed, the channel, `1` while other nodes may know more, the
 * caller's epoch, head and tip, and what is kept: messages, milliseconds, and the time by which they age.
 */
export const LOG = `
local log, batches, young, old = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local run_id, candidate, channel, waits = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local known_epoch, known_head, known_tip = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local retain_messages, retain_ms, trusted = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000
local APPENDED = 600000 -- a repeated batch is recognised for at least so long
local MARKS = 32 -- earlier marks that are kept

-- Returns first, last, text, at of the batch that holds a seq, if it is still kept.
local function batch_of(seq)
  local entry = redis.call('XRANGE', batches, seq, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local last = tonumber(string.match(entry[1], '%d+'))
  local first = last - tonumber(entry[2][2]) + 1
  if first > seq then return nil end
  return first, last, entry[2][6], entry[2][4]
end

-- Whether the log still has everything that the caller knows of.
local function is_complete(epoch, head)
  if known_epoch ~= epoch or known_head > head then return false end
  if known_tip == '' then return true end
  local first, last, text, at = batch_of(known_head)
  return not first or at == known_tip
end

-- Gives the epoch another mark. What was shown under the earlier one is good up to this head.
local function mark(epoch, head)
  local name, old = string.match(epoch, '^([^.]*)%.?(.*)$')
  local marks = redis.call('HGET', log, 'marks') or ''
  marks = marks .. old .. ':' .. string.format('%.0f', head) .. ' '
  local _, count = string.gsub(marks, ' ', ' ')
  if count > MARKS then marks = string.match(marks, '^%S+ (.*)$') end
  redis.call('HSET', log, 'marks', marks)
  return name .. '.' .. candidate
end

-- Returns the log, begun anew if it was lost. Returns nothing if another node may know more.
local function find()
  local found = redis.call('HMGET', log, 'epoch', 'head', 'life', 'at', 'refs')
  local epoch, head, at = found[1], tonumber(found[2] or 0), tonumber(found[4] or 0)
  local refs = tonumber(found[5] or 0)
  local is_gone, refs_gone = not epoch, false
  local keys = redis.call('EXISTS', batches, young, old)
  if epoch and keys < math.min(head, 1) + refs and (retain_ms == 0 or now - at < retain_ms) then
    is_gone = head > 0 and redis.call('EXISTS', batches) == 0
    refs_gone = not is_gone
  end
  local is_lost = is_gone or refs_gone
  local is_known = known_epoch ~= '' and known_epoch == epoch
  if not is_lost and found[3] == run_id and not (is_known and not is_complete(epoch, head)) then
    return epoch, head, at, refs
  end
  if not is_lost and not is_known and waits then return nil end
  if is_lost then
    redis.call('DEL', young, old)
    redis.call('HSET', log, 'refs', 0)
    refs = 0
  end
  if is_gone then
    redis.call('DEL', batches)
    head = 0
  end
  if is_lost or is_known and not is_complete(epoch, head) then
    epoch = candidate
    redis.call('HDEL', log, 'marks')
    redis.call('PUBLISH', channel, 'e')
  elseif not is_known then
    epoch = mark(epoch, head)
    redis.call('PUBLISH', channel, 'e')
  end
  redis.call('HSET', log, 'epoch', epoch, 'head', string.format('%.0f', head), 'life', run_id)
  if head == 0 then redis.call('PEXPIRE', log, DAY) end
  return epoch, head, at, refs
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
    for _, key in ipairs({ log, batches, young, old }) do redis.call('PERSIST', key) end
    return
  end
  redis.call('PEXPIRE', log, retain_ms + 30 * DAY)
  for _, key in ipairs({ batches, young, old }) do redis.call('PEXPIRE', key, retain_ms + DAY) end
  local up_to
  for _, entry in ipairs(redis.call('XRANGE', batches, '-', '+', 'COUNT', 64)) do
    if tonumber(entry[2][4]) >= past - retain_ms then break end
    up_to = tonumber(string.match(entry[1], '%d+'))
  end
  if up_to then redis.call('XTRIM', batches, 'MINID', up_to + 1) end
end
`;

/** Reads where the log stands. → `ok` epoch head at; or `doubt` */
export const POSITION = script(`${LOG}
local epoch, head, at = find()
if not epoch then return { 'doubt' } end
if head == 0 then redis.call('PEXPIRE', log, DAY) else age() end
return { 'ok', epoch, head, at }
`);

/**
 * Reads batches. Keys: entries. Arguments: the `seq` to read upwards from, or the `seq` to read downwards
 * from (both inclusive); limit, chars.
 *
 * → for each batch, upwards: last, count, at, text
 */
export const READ = script(`
local batches, up, down = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, chars = tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}

-- Takes entries in their order until there are enough. Returns where to go on, if there is more to read.
local function take(entries)
  local last, count
  for _, entry in ipairs(entries) do
    if limit <= 0 or chars <= 0 then return nil end
    last, count = tonumber(string.match(entry[1], '%d+')), tonumber(entry[2][2])
    local asked = up and last - up + 1 or down - last + count
    if asked <= 0 then return nil end -- what was asked for is no longer kept
    found[#found + 1] = { last, count, entry[2][4], entry[2][6] }
    limit = limit - math.min(count, asked)
    chars = chars - #entry[2][6]
  end
  return last, count
end

local list = {}
if up then
  local from = up
  while from do
    local last = take(redis.call('XRANGE', batches, from, '+', 'COUNT', 8))
    from = last and last + 1
  end
  for _, batch in ipairs(found) do
    for _, value in ipairs(batch) do list[#list + 1] = value end
  end
  return list
end
local entries, upper = redis.call('XRANGE', batches, down, '+', 'COUNT', 1), '+'
if entries[1] then
  local last, count = take(entries)
  upper = last and last - count
end
while upper do
  local last, count = take(redis.call('XREVRANGE', batches, upper, '-', 'COUNT', 8))
  upper = last and last - count
end
for i = #found, 1, -1 do
  for _, value in ipairs(found[i]) do list[#list + 1] = value end
end
return list
`);
