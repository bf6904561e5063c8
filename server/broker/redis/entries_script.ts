/**
 * The part of the scripts that knows how the messages of a room are kept, and the script that reads them.
 * A room has these keys, which every script is given in this order:
 *
 * - `log`, a hash, which `log_scripts.ts` describes;
 * - `entries`, a sorted set: one member for each batch, by its last `seq`. It is the last `seq`, the count
 *   and the time, a line feed, and the events without `seq` and `at`: only Redis knows these, and each
 *   node fills them in. A message that was revised is an entry of its own;
 * - `young` and `old`, two hashes: the `seq` of each user's `ref`;
 * - `revs`, a sorted set: the `seq` of each revised message, by its `rev`;
 * - `reactions`, a sorted set without scores: who reacted how, ordered by user and `seq`;
 * - `about`, a sorted set: the members of the two before, by `seq`, so that they go with their message;
 * - `asked` and `asked-old`, two hashes: for each user's `ref` of a revision, both as a digest, the digest of
 *   what was asked for.
 *
 * The entries were a stream at first. But Redis leaves what is deleted from a stream in its memory and
 * its dumps, and a deleted text must be nowhere. A stream that is found is made a sorted set.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RedisNames } from "./names.ts";

export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** Returns a room's keys, as the scripts take them. */
export function keysOf(names: RedisNames, room: string): string[] {
  return ["log", "entries", "young", "old", "revs", "reactions", "about", "asked", "asked-old"].map(
    (what) => names.key(room, what),
  );
}

/** The part that all scripts share. */
export const ENTRIES = `
local log, entries, young, old = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local revs, reactions, about = KEYS[5], KEYS[6], KEYS[7]
local asked, asked_old = KEYS[8], KEYS[9]
local EVENT = '([^\\n]*}),?' -- one event in the text of an entry
local MAX = 4000 -- unpack() can take few more arguments

-- Returns first, last, text, at of an entry.
local function parsed(member)
  local feed = string.find(member, '\\n', 1, true)
  local last, count, at = string.match(string.sub(member, 1, feed - 1), '^(%d+) (%d+) (%d+)$')
  return last - count + 1, tonumber(last), string.sub(member, feed + 1), at
end

local function put(last, count, at, text)
  redis.call('ZADD', entries, last, last .. ' ' .. count .. ' ' .. at .. '\\n' .. text)
end

if redis.call('TYPE', entries)['ok'] == 'stream' then
  local stream, ttl = redis.call('XRANGE', entries, '-', '+'), redis.call('PTTL', entries)
  redis.call('DEL', entries)
  for _, entry in ipairs(stream) do
    put(string.match(entry[1], '%d+'), entry[2][2], entry[2][4], entry[2][6])
  end
  if ttl > 0 then redis.call('PEXPIRE', entries, ttl) end
end

-- Returns first, last, text, at and the member of the entry that holds a seq, if it is still kept.
local function entry_of(seq)
  local member = redis.call('ZRANGEBYSCORE', entries, seq, '+inf', 'LIMIT', 0, 1)[1]
  if not member then return nil end
  local first, last, text, at = parsed(member)
  if first > seq then return nil end
  return first, last, text, at, member
end

-- Returns the stored event of a seq and its at, if it is still kept.
local events, ats = {}, {}
local function event_of(seq)
  if not events[seq] then
    local first, _, text, at = entry_of(seq)
    if not first then return nil end
    for event in string.gmatch(text, EVENT) do
      events[first], ats[first] = event, at
      first = first + 1
    end
  end
  return events[seq], ats[seq]
end
`;

/**
 * Reads batches. Arguments: the `seq` to read upwards from, or the `seq` to read downwards from (both
 * inclusive); limit, chars.
 *
 * → for each batch, upwards: last, count, at, text
 */
export const READ = script(`${ENTRIES}
local up, down = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, chars = tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}

-- Takes entries in their order until there are enough. Returns where to go on, if there is more to read.
local function take(members)
  local first, last, text, at
  for _, member in ipairs(members) do
    if limit <= 0 or chars <= 0 then return nil end
    first, last, text, at = parsed(member)
    local asked = up and last - up + 1 or down - first + 1
    if asked <= 0 then return nil end -- what was asked for is no longer kept
    local count = last - first + 1
    found[#found + 1] = { last, count, at, text }
    -- Only the messages that are given count, and about so much of the text is theirs.
    local given = math.min(count, asked, limit)
    chars = chars - #text * given / count
    limit = limit - given
  end
  return first, last
end

local list = {}
if up then
  local from = up
  while from do
    local _, last = take(redis.call('ZRANGEBYSCORE', entries, from, '+inf', 'LIMIT', 0, 8))
    from = last and last + 1
  end
  for _, batch in ipairs(found) do
    for _, value in ipairs(batch) do list[#list + 1] = value end
  end
  return list
end
local upper = take(redis.call('ZRANGEBYSCORE', entries, down, '+inf', 'LIMIT', 0, 1))
if #found == 0 then upper = '+inf' else upper = upper and upper - 1 end
while upper do
  local first = take(redis.call('ZREVRANGEBYSCORE', entries, upper, '-inf', 'LIMIT', 0, 8))
  upper = first and first - 1
end
for i = #found, 1, -1 do
  for _, value in ipairs(found[i]) do list[#list + 1] = value end
end
return list
`);
