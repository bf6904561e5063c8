/**
 * What Redis is told to do with a batch, in one piece: to know it again, dedupe, number, append and
 * say it to all nodes. Redis does nothing else meanwhile, so what costs time here costs everybody.
 *
 * @module
 */
import { LOG, script } from "./redis_scripts.ts";

/**
 * Further arguments: not after (Redis's time), batch, dedupeMessages, count, text, the log's field for
 * this node; and if there is any `ref`, for each draft its field or nothing.
 *
 * → `ok` epoch first last at, and for each repeated draft: draft, seq, first of its batch, text of it;
 * or `late` now; or `doubt`
 */
export const APPEND = script(`${LOG}
local batch, dedupe, count, text = ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14]
local by = ARGV[15]
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
local done = redis.call('HGET', log, by)
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
local epoch, head, _, refs = find()
if not epoch then return { 'doubt' } end

local fields, drafts, with_ref = {}, {}, 0
for i = 16, #ARGV do
  local field = ARGV[i]
  if field ~= '' then
    with_ref = with_ref + 1
    fields[with_ref], drafts[with_ref] = field, i - 15
  end
end

local function each(command, key, list, answered)
  for i = 1, #list, MOST do
    local answer = redis.call(command, key, unpack(list, i, math.min(i + MOST - 1, #list)))
    if answered then answered(answer) end
  end
end

local function seqs_of(key, list)
  if #list <= MOST then return redis.call('HMGET', key, unpack(list)) end
  local values = {}
  each('HMGET', key, list, function(some)
    for _, value in ipairs(some) do values[#values + 1] = value end
  end)
  return values
end

-- Which drafts are repeats: of a seq, or of an earlier draft of this batch.
local original, of, repeated = {}, {}, 0
if with_ref > 0 then
  local was_young, was_old = seqs_of(young, fields), seqs_of(old, fields)
  local given = {}
  for i, field in ipairs(fields) do
    local seq = was_young[i] or was_old[i]
    seq = seq and tonumber(seq)
    if given[field] then
      of[drafts[i]] = given[field]
      repeated = repeated + 1
    elseif seq and seq <= head and batch_of(seq) then
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
  local at = string.format('%.0f', now)
  -- Plain find(): gsub() would try its pattern at every character.
  local seq, middle, names = head, ',"at":' .. at .. ',', {}
  local parts, size, from, place = { '[' }, 1, 1, string.find(text, '\\1', 1, true)
  while place do
    seq = seq + 1
    local name = string.format('%d', seq)
    names[seq - head] = name
    parts[size + 1], parts[size + 2], parts[size + 3] = string.sub(text, from, place - 1), name, middle
    size, from = size + 3, place + 1
    place = string.find(text, '\\1', from, true)
  end
  parts[size + 1], parts[size + 2] = string.sub(text, from), ']'
  text = table.concat(parts)
  redis.call('XADD', batches, last .. '-0', 'n', last - head, 'a', at, 'e', text)
  redis.call('HSET', log, 'head', last, 'at', at)
  if retain_messages > 0 and last > retain_messages then
    redis.call('XTRIM', batches, 'MINID', '~', last - retain_messages + 1)
  end
  local added
  added, size = {}, 0
  for i = 1, with_ref do
    local draft = drafts[i]
    if not original[draft] and not of[draft] then
      added[size + 1], added[size + 2] = fields[i], names[seqs[draft] and seqs[draft] - head or draft]
      size = size + 2
    end
  end
  if size > 0 then
    local held = redis.call('HLEN', young)
    if held >= dedupe then
      redis.call('UNLINK', old)
      redis.call('RENAME', young, old)
      held, refs = 0, 2
    end
    each('HSET', young, added)
    if held == 0 then
      redis.call('HSET', log, 'refs', math.max(refs, 1))
      if retain_ms > 0 then redis.call('PEXPIRE', young, retain_ms + DAY) end
    end
  end
  age()
  redis.call('PUBLISH', channel, 'm' .. epoch .. ' ' .. first .. ' ' .. last .. ' ' .. at .. ' ' .. text)
end

local repeats, words = {}, { batch, epoch, first, last, string.format('%.0f', now) }
if repeated == 0 then drafts = {} end
for _, draft in ipairs(drafts) do
  if original[draft] or of[draft] then
    repeats[#repeats + 1] = { draft, seqs[draft] }
    words[#words + 1] = draft
    words[#words + 1] = seqs[draft]
  end
end
redis.call('HSET', log, by, table.concat(words, ' '))
return answer(epoch, first, last, now, repeats)
`);
