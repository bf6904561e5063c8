/**
 * What Redis is told to do in one piece: the scripts on a room's log. A
 * script is the only thing that looks at a log and changes it, so no two nodes can give out the same
 * `seq`. A room is
 *
 * - `log`, a hash: the epoch, the head, when it last grew, how many of the two below there are, and
 *   the life of Redis that it was last seen in. A server that was started anew, perhaps with a backup
 *   put back, or a replica that took over, is another life, in which the newest writes of the one
 *   before may be missing. If no node is left that knows what there was, the epoch gets another mark
 *   (`epoch.mark`), and `marks` keeps where each earlier one ended. And for each node the last batch
 *   that it brought, by which a repeated one is recognised;
 * - `entries`, a stream: an entry for each batch, its id the last `seq` in it, its text its events but
 *   for what only Redis knows, their `seq` and `at`: every node puts these in, since Redis is one;
 * - `young` and `old`, two hashes: which `seq` a person's `ref` was given.
 *
 * Redis may evict any of them by itself. Without `log` or `entries` the log is gone; without the refs
 * it is kept, and is another, since in the one that it was no message may be stored twice.
 *
 * What is too old is deleted by the earlier of two clocks: Redis's, and the node's idea of it, which
 * does not follow a jump at once. Two things cannot be helped, because Redis expires keys by its own
 * clock: a jump ahead by more than `retainDays` and a day ends every log; and a key that was given its
 * end during the jump lives that much longer, or until the log is next written to.
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

/** Keys: log, batches, young, old. Arguments: as of {@linkcode Known} and the policy, in this order. */
export const LOG = `
local log, batches, young, old = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local life, candidate, channel, patient = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local known_epoch, known_head, known_tip = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local retain_messages, retain_ms, trusted = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000
local BROUGHT = 600000 -- a batch is recognised for so long, at the least
local MARKS = 32 -- ends of earlier marks that are kept

-- The batch that holds that seq, if it is still kept: first, last, text, at.
local function batch_of(seq)
  local entry = redis.call('XRANGE', batches, seq, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local last = tonumber(string.match(entry[1], '%d+'))
  local first = last - tonumber(entry[2][2]) + 1
  if first > seq then return nil end
  return first, last, entry[2][6], entry[2][4]
end

-- Nothing that this caller has seen is missing from what is there now.
local function vouches(epoch, head)
  if known_epoch ~= epoch or known_head > head then return false end
  if known_tip == '' then return true end
  local first, last, text, at = batch_of(known_head)
  return not first or at == known_tip
end

-- The epoch under another mark: what was shown under the one before is vouched for up to this head.
local function mark(epoch, head)
  local name, old = string.match(epoch, '^([^.]*)%.?(.*)$')
  local marks = redis.call('HGET', log, 'marks') or ''
  marks = marks .. old .. ':' .. string.format('%.0f', head) .. ' '
  local _, count = string.gsub(marks, ' ', ' ')
  if count > MARKS then marks = string.match(marks, '^%S+ (.*)$') end
  redis.call('HSET', log, 'marks', marks)
  return name .. '.' .. candidate
end

-- The log as it is, or begun anew if some of it is lost. Nothing, if somebody else has to say.
local function find()
  local found = redis.call('HMGET', log, 'epoch', 'head', 'life', 'at', 'refs')
  local epoch, head, at = found[1], tonumber(found[2] or 0), tonumber(found[4] or 0)
  local refs = tonumber(found[5] or 0)
  local gone, forgot = not epoch, false
  local there = redis.call('EXISTS', batches, young, old)
  if epoch and there < math.min(head, 1) + refs and (retain_ms == 0 or now - at < retain_ms) then
    gone = head > 0 and redis.call('EXISTS', batches) == 0
    forgot = not gone
  end
  local lost = gone or forgot
  local is_witness = known_epoch ~= '' and known_epoch == epoch
  if not lost and found[3] == life and not (is_witness and not vouches(epoch, head)) then
    return epoch, head, at, refs
  end
  if not lost and not is_witness and patient then return nil end
  if lost then
    redis.call('DEL', young, old)
    redis.call('HSET', log, 'refs', 0)
    refs = 0
  end
  if gone then
    redis.call('DEL', batches)
    head = 0
  end
  if lost or is_witness and not vouches(epoch, head) then
    epoch = candidate
    redis.call('HDEL', log, 'marks')
    redis.call('PUBLISH', channel, 'e')
  elseif not is_witness then
    epoch = mark(epoch, head)
    redis.call('PUBLISH', channel, 'e')
  end
  redis.call('HSET', log, 'epoch', epoch, 'head', string.format('%.0f', head), 'life', life)
  if head == 0 then redis.call('PEXPIRE', log, DAY) end
  return epoch, head, at, refs
end

-- Once a minute: what is too old goes, and what nobody writes to any more is given an end.
local function age()
  -- Either way: a clock that was ahead and was put back would else keep everything until then.
  if math.abs(now - tonumber(redis.call('HGET', log, 'aged') or 0)) < 60000 then return end
  local past = math.min(now, trusted)
  redis.call('HSET', log, 'aged', string.format('%.0f', now))
  local fields = redis.call('HGETALL', log)
  for i = 1, #fields, 2 do
    local brought = string.sub(fields[i], 1, 3) == 'by:' and string.match(fields[i + 1], '^%S+ %S+ %S+ %S+ (%S+)')
    if brought and tonumber(brought) < past - BROUGHT then redis.call('HDEL', log, fields[i]) end
  end
  if retain_ms == 0 then return redis.call('PERSIST', log) end
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

/** → `ok` epoch head at; or `doubt` */
export const LOOK = script(`${LOG}
local epoch, head, at = find()
if not epoch then return { 'doubt' } end
if head == 0 then redis.call('PEXPIRE', log, DAY) else age() end
return { 'ok', epoch, head, at }
`);

/**
 * Keys: batches. Arguments: the `seq` to read upwards from, or else the `seq` to read downwards from
 * (both inclusive); limit, chars.
 *
 * → for each batch, upwards: last, count, at, text
 */
export const READ = script(`
local batches, up, down = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, chars = tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}

-- Takes entries in the order they come, until it is enough; answers where to go on, if anywhere.
local function take(entries)
  local last, count
  for _, entry in ipairs(entries) do
    if limit <= 0 or chars <= 0 then return nil end
    last, count = tonumber(string.match(entry[1], '%d+')), tonumber(entry[2][2])
    local asked = up and last - up + 1 or down - last + count
    if asked <= 0 then return nil end -- what was asked for is not kept any more
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
