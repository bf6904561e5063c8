/**
 * What Redis is told to do in one piece: the scripts on a room's log, and the names of their keys. A
 * script is the only thing that looks at a log and changes it, so no two nodes can give out the same
 * `seq`. A room is
 *
 * - `log`, a hash: the epoch, the head, when it last grew, and the life of Redis that it was last
 *   seen in. A server that was started anew, or a replica that took over, is another life, in which
 *   the newest writes of the one before may be missing;
 * - `batches`, a stream: an entry for each batch, its id the last `seq` in it, its text a frame;
 * - `young` and `old`, two hashes: which `seq` a person's `ref` was given;
 * - `by`, for each node: the last batch that it brought, by which a repeated one is recognised.
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

/** The key of something of a room's. In a Redis Cluster all of them lie in one slot. */
export function keyOf(room: string, what: string): string {
  return `parley:{${room.replace(/[%{}]/g, encodeURIComponent)}}:${what}`;
}

/** The channel on which all nodes hear what happens in a room. */
export function channelOf(room: string): string {
  return keyOf(room, "heard");
}

/** Stands in a batch's text where an event's `seq` and `at` belong. JSON text cannot hold it. */
export const PLACE = "\x01";

/** Keys: log, batches, young, old. Arguments: as of {@linkcode Known} and the policy, in this order. */
const LOG = `
local log, batches, young, old = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local life, candidate, channel, patient = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local known_epoch, known_head, known_tip = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local retain_messages, retain_ms = tonumber(ARGV[8]), tonumber(ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000

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

-- The log as it is, or begun anew if some of it is lost. Nothing, if somebody else has to say.
local function find()
  local found = redis.call('HMGET', log, 'epoch', 'head', 'life', 'at')
  local epoch, head, at = found[1], tonumber(found[2] or 0), tonumber(found[4] or 0)
  local gone = not epoch
  if epoch and head > 0 and redis.call('EXISTS', batches) == 0 then
    gone = retain_ms == 0 or now - at < retain_ms
  end
  local is_witness = known_epoch ~= '' and known_epoch == epoch
  if not gone and found[3] == life and not (is_witness and not vouches(epoch, head)) then
    return epoch, head, at
  end
  if not gone and not is_witness and patient then return nil end
  if gone then
    redis.call('DEL', batches, young, old)
    head = 0
  end
  if gone or not vouches(epoch, head) then
    epoch = candidate
    redis.call('PUBLISH', channel, 'e')
  end
  redis.call('HSET', log, 'epoch', epoch, 'head', string.format('%.0f', head), 'life', life)
  if head == 0 then redis.call('PEXPIRE', log, DAY) end
  return epoch, head, at
end

-- Once a minute: what is too old goes, and what nobody writes to any more is given an end.
local function age()
  if now - tonumber(redis.call('HGET', log, 'aged') or 0) < 60000 then return end
  redis.call('HSET', log, 'aged', string.format('%.0f', now))
  if retain_ms == 0 then return redis.call('PERSIST', log) end
  redis.call('PEXPIRE', log, retain_ms + 30 * DAY)
  for _, key in ipairs({ batches, young, old }) do redis.call('PEXPIRE', key, retain_ms + DAY) end
  local up_to
  for _, entry in ipairs(redis.call('XRANGE', batches, '-', '+', 'COUNT', 64)) do
    if tonumber(entry[2][4]) >= now - retain_ms then break end
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
 * Further keys: by. Further arguments: not after (Redis's time), batch, dedupeMessages, count, text,
 * and for each `ref` its draft (from 1) and its field.
 *
 * → `ok` epoch first last at, and for each repeated draft: draft, seq, first of its batch, text of it;
 * or `late` now; or `doubt`
 */
export const APPEND = script(`${LOG}
local by = KEYS[5]
local batch, dedupe, count, text = ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14]
local MOST = 4000 -- arguments that unpack() can take, with room to spare

local function answer(epoch, first, last, at, repeats)
  local list = { 'ok', epoch, first, last, at }
  for _, one in ipairs(repeats) do
    local from, _, events = batch_of(one[2])
    for _, value in ipairs({ one[1], one[2], from or 0, events or '[]' }) do
      list[#list + 1] = value
    end
  end
  return list
end

-- This very batch is here already: only its answer was lost.
local done = redis.call('GET', by)
if done then
  local words = {}
  for word in string.gmatch(done, '%S+') do words[#words + 1] = word end
  if words[1] == batch then
    local repeats = {}
    for i = 6, #words, 2 do
      repeats[#repeats + 1] = { tonumber(words[i]), tonumber(words[i + 1]) }
    end
    return answer(words[2], tonumber(words[3]), tonumber(words[4]), tonumber(words[5]), repeats)
  end
end
-- Whoever sent this was told by now that it could not be stored.
if now > tonumber(ARGV[10]) then return { 'late', now } end
local epoch, head = find()
if not epoch then return { 'doubt' } end

local fields, drafts = {}, {}
for i = 15, #ARGV, 2 do
  drafts[#drafts + 1] = tonumber(ARGV[i])
  fields[#fields + 1] = ARGV[i + 1]
end

local function each(command, key, list, answered)
  for i = 1, #list, MOST do
    local answer = redis.call(command, key, unpack(list, i, math.min(i + MOST - 1, #list)))
    if answered then answered(answer) end
  end
end

local function seqs_of(key, list)
  local values = {}
  each('HMGET', key, list, function(some)
    for _, value in ipairs(some) do values[#values + 1] = value end
  end)
  return values
end

-- Which drafts are repeats: of a seq, or of an earlier draft of this batch.
local original, of, repeated = {}, {}, 0
if #fields > 0 then
  local was_young, was_old = seqs_of(young, fields), seqs_of(old, fields)
  local given = {}
  for i, field in ipairs(fields) do
    local seq = tonumber(was_young[i] or was_old[i] or 0)
    if given[field] then
      of[drafts[i]] = given[field]
      repeated = repeated + 1
    elseif seq > 0 and seq <= head and batch_of(seq) then
      original[drafts[i]] = seq
      repeated = repeated + 1
    else
      given[field] = drafts[i]
    end
  end
end

-- Without the repeats; and which seq each draft has, if there were any.
local seqs = {}
if repeated > 0 then
  local kept, draft, seq = {}, 0, head
  for line in string.gmatch(text, '[^\\n]+') do
    draft = draft + 1
    if original[draft] then
      seqs[draft] = original[draft]
    elseif of[draft] then
      seqs[draft] = seqs[of[draft]]
    else
      seq = seq + 1
      seqs[draft] = seq
      kept[#kept + 1] = draft < count and string.sub(line, 1, -2) or line
    end
  end
  text = table.concat(kept, ',\\n')
end

local first = head + 1
local last = head + count - repeated
if last >= first then
  local seq, middle = head, ',"at":' .. string.format('%.0f', now) .. ','
  text = '[' .. string.gsub(text, '\\1', function()
    seq = seq + 1
    return seq .. middle
  end) .. ']'
  local at = string.format('%.0f', now)
  redis.call('XADD', batches, last .. '-0', 'n', last - head, 'a', at, 'e', text)
  redis.call('HSET', log, 'head', last, 'at', at)
  if retain_messages > 0 and last > retain_messages then
    redis.call('XTRIM', batches, 'MINID', '~', last - retain_messages + 1)
  end
  local added = {}
  for i, field in ipairs(fields) do
    if not original[drafts[i]] and not of[drafts[i]] then
      added[#added + 1] = field
      added[#added + 1] = seqs[drafts[i]] or head + drafts[i]
    end
  end
  if #added > 0 then
    if redis.call('HLEN', young) >= dedupe then
      redis.call('UNLINK', old)
      redis.call('RENAME', young, old)
    end
    each('HSET', young, added)
  end
  age()
  redis.call('PUBLISH', channel, 'm' .. epoch .. ' ' .. first .. ' ' .. last .. ' ' .. at .. ' ' .. text)
end

local repeats, words = {}, { batch, epoch, first, last, string.format('%.0f', now) }
for _, draft in ipairs(drafts) do
  if original[draft] or of[draft] then
    repeats[#repeats + 1] = { draft, seqs[draft] }
    words[#words + 1] = draft
    words[#words + 1] = seqs[draft]
  end
end
redis.call('SET', by, table.concat(words, ' '), 'PX', 600000)
return answer(epoch, first, last, now, repeats)
`);

/**
 * Keys: batches. Arguments: the `seq` to read upwards from, or else the `seq` to read downwards from
 * (both inclusive); limit, chars.
 *
 * → for each batch, upwards: last, count, text
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
    found[#found + 1] = { last, count, entry[2][6] }
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
