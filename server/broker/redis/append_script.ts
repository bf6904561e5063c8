/**
 * The script that appends a batch: it recognises a repeated batch, finds repeated `ref`s, numbers,
 * appends and publishes. Redis does nothing else meanwhile, so its time is every node's time.
 *
 * @module
 */
import { script } from "./entries_script.ts";
import { LOG } from "./log_scripts.ts";

/**
 * Further arguments: the latest time to append (by Redis's clock), the batch's number, dedupeMessages,
 * count, text, the node's field in the log; and if there is any `ref`, for each draft `user\\0ref` or "".
 *
 * → `ok` epoch first last at, and for each repeated draft: its index, seq, at, event; or `late` now; or
 * `doubt`
 */
export const APPEND = script(`${LOG}
local batch, dedupe, count, text = ARGV[14], tonumber(ARGV[15]), tonumber(ARGV[16]), ARGV[17]
local by = ARGV[18]
local REFS = 18 -- arguments before the refs

local function answer(epoch, first, last, at, repeats)
  local list = { 'ok', epoch, first, last, at }
  for _, one in ipairs(repeats) do
    local event, event_at = event_of(one[2])
    for _, value in ipairs({ one[1], one[2], event_at or 0, event or '' }) do list[#list + 1] = value end
  end
  return list
end

-- This batch was appended already, and only the answer was lost.
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
-- The sender has been told by now that it could not be stored.
if now > tonumber(ARGV[13]) then return { 'late', now } end
local epoch, head, _, refs = find()
if not epoch then return { 'doubt' } end

local function each(command, key, list, from, answered)
  for i = from, #list, MAX do
    local answer = redis.call(command, key, unpack(list, i, math.min(i + MAX - 1, #list)))
    if answered then answered(answer) end
  end
end

local function seqs_of(key)
  if #ARGV - REFS <= MAX then return redis.call('HMGET', key, unpack(ARGV, REFS + 1)) end
  local values = {}
  each('HMGET', key, ARGV, REFS + 1, function(some)
    for _, value in ipairs(some) do values[#values + 1] = value end
  end)
  return values
end

-- Finds the drafts that repeat a stored message or an earlier draft of this batch, and their seq.
local repeats, is_repeat, last = {}, {}, head + count
local added, size = {}, 0
if #ARGV > REFS then
  local in_young, in_old, given = seqs_of(young), seqs_of(old), {}
  last = head
  for draft = 1, count do
    local field = ARGV[REFS + draft]
    local seq = given[field]
    if not seq then
      local found = tonumber(in_young[draft] or in_old[draft] or nil)
      if found and found <= head and event_of(found) then seq = found end
    end
    if seq then
      repeats[#repeats + 1] = { draft, seq }
      is_repeat[draft] = true
    else
      last = last + 1
      if field ~= '' then
        given[field] = last
        added[size + 1], added[size + 2] = field, string.format('%d', last)
        size = size + 2
      end
    end
  end
end

if #repeats > 0 then
  local kept, draft = {}, 0
  for event in string.gmatch(text, EVENT) do
    draft = draft + 1
    if not is_repeat[draft] then kept[#kept + 1] = event end
  end
  text = table.concat(kept, ',\\n')
end

local first, at = head + 1, string.format('%.0f', now)
if last >= first then
  put(last, last - head, at, text)
  redis.call('HSET', log, 'head', last, 'at', at)
  if retain_messages > 0 and last > retain_messages then trim(last - retain_messages + 1) end
  if size > 0 then
    local held = redis.call('HLEN', young)
    if held >= dedupe then
      redis.call('UNLINK', old)
      redis.call('RENAME', young, old)
      held, refs = 0, 2
    end
    each('HSET', young, added, 1)
    if held == 0 then
      redis.call('HSET', log, 'refs', math.max(refs, 1))
      if retain_ms > 0 then redis.call('PEXPIRE', young, retain_ms + DAY) end
    end
  end
  age()
  redis.call('PUBLISH', channel, 'm' .. epoch .. ' ' .. first .. ' ' .. last .. ' ' .. at .. '\\n' .. text)
end

local words = { batch, epoch, first, last, at }
for _, one in ipairs(repeats) do
  words[#words + 1] = one[1]
  words[#words + 1] = one[2]
end
redis.call('HSET', log, by, table.concat(words, ' '))
return answer(epoch, first, last, now, repeats)
`);
