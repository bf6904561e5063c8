/**
 * The script that keeps the members of a room over all nodes. A user who leaves one node may still be on
 * another. A room has
 *
 * - `people`, a hash: user id → the number of nodes, a space, and the user as {@linkcode shownOf} says;
 * - `at`, a sorted set with equal scores: node, space, user id;
 * - `nodes`, a sorted set: each node, and when its lease ends;
 * - `turn`, the version: a counter of the published changes.
 *
 * Redis may evict one of the first three. The others are then deleted, and all nodes report their users
 * again.
 *
 * @module
 */
import { isDefaultName } from "../../protocol/names.ts";
import type { User } from "../../protocol/messages.ts";
import type { MemberChange } from "../broker.ts";
import { script } from "./entries_script.ts";

/**
 * Applies changes and renews the node's lease. Keys: people, turn, nodes, at. Arguments: node, lease in
 * ms, channel, `1` to get all members; then four for each change: `+` enters, `-` leaves or `~` is
 * shown differently, id, what is shown, `1` if the name is only a default. A first change `=` means that
 * all users of this node follow. A change `.` means that the node stops: its lease ends after so many ms,
 * given as the id.
 *
 * → version, users of this node, members, ms until the last lease ends; and if asked for, for each member
 * the id and `nodes shown`
 */
export const MEMBERS = script(`
local people, version, nodes, at = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local me, lease, channel, all = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local keys = redis.call('EXISTS', people, nodes, at)
local is_torn = keys == 1 or keys == 2
if is_torn then redis.call('DEL', people, nodes, at) end
if is_torn or redis.call('EXISTS', version) == 0 then
  redis.call('SET', version, time[1] .. string.format('%06d', time[2]))
end

local function ids_of(node)
  local ids = redis.call('ZRANGEBYLEX', at, '[' .. node .. ' ', '(' .. node .. '!')
  for i, value in ipairs(ids) do ids[i] = string.sub(value, #node + 2) end
  return ids
end

local function publish(kind, id, shown, old)
  local number = string.format('%.0f', redis.call('INCR', version))
  local words = { 'p' .. number .. kind, id, shown, old }
  redis.call('PUBLISH', channel, table.concat(words, '\\n'))
end

-- Returns a member's number of nodes, and what is shown of the user.
local function get(id)
  local count, shown = string.match(redis.call('HGET', people, id) or '', '^(%d+) (.*)$')
  return tonumber(count), shown
end

local function set(id, count, old, shown)
  redis.call('HSET', people, id, count .. ' ' .. shown)
  if shown ~= old then publish('~', id, shown, old) end
end

local function enter(id, shown, is_default)
  local is_new = redis.call('ZADD', at, 0, me .. ' ' .. id) == 1
  local count, old = get(id)
  if not count then
    redis.call('HSET', people, id, '1 ' .. shown)
    return publish('+', id, shown)
  end
  if is_new then count = count + 1 end
  set(id, count, old, is_default and old or shown)
end

local function leave(node, id)
  if redis.call('ZREM', at, node .. ' ' .. id) == 0 then return end
  local count, shown = get(id)
  if not count then return end
  if count > 1 then return set(id, count - 1, shown, shown) end
  redis.call('HDEL', people, id)
  publish('-', id, shown)
end

local stay = lease
local first = 5
if ARGV[first] == '=' then
  local here = {}
  for i = first + 4, #ARGV, 4 do here[ARGV[i + 1]] = true end
  for _, id in ipairs(ids_of(me)) do
    if not here[id] then leave(me, id) end
  end
  first = first + 4
end
for i = first, #ARGV, 4 do
  local kind, id, shown = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == '+' then enter(id, shown, ARGV[i + 3] == '1') end
  if kind == '-' then leave(me, id) end
  if kind == '~' then
    local count, old = get(id)
    if count then set(id, count, old, shown) end
  end
  if kind == '.' then stay = math.min(lease, tonumber(id)) end
end

-- A clock that was put back would make the leases too long.
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, now + 2 * lease, '+inf')) do
  redis.call('ZADD', nodes, now + lease, node)
end
-- A node whose lease has ended is gone, and its users with it.
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
  if node ~= me then
    for _, id in ipairs(ids_of(node)) do leave(node, id) end
    redis.call('ZREM', nodes, node)
  end
end
local here = redis.call('ZLEXCOUNT', at, '[' .. me .. ' ', '(' .. me .. '!')
if here > 0 then redis.call('ZADD', nodes, now + stay, me) else redis.call('ZREM', nodes, me) end
for _, key in ipairs({ people, version, nodes, at }) do redis.call('PEXPIRE', key, 4 * lease) end
local last = redis.call('ZRANGE', nodes, -1, -1, 'WITHSCORES')
local left = last[2] and tonumber(last[2]) - now or 0
local answer = { tonumber(redis.call('GET', version)), here, redis.call('HLEN', people), left }
if all then answer[5] = redis.call('HGETALL', people) end
return answer
`);

/** Encodes a change for the script. */
export function opOf(kind: string, user: User): string[] {
  const { id, name } = user;
  return [kind, id, shownOf(user), isDefaultName(name, id) ? "1" : ""];
}

/** Decodes a change that the script has published. */
export function changeOf(
  kind: string,
  id: string,
  shown: string,
  old: string | undefined,
): MemberChange {
  const user = userOf(id, shown);
  if (kind === "~") return { kind: "renamed", user, old: userOf(id, old ?? shown).name };
  return { kind: kind === "+" ? "joined" : "left", user };
}

/** Decodes the hash of all members. */
export function usersOf(all: readonly unknown[]): User[] {
  const users: User[] = [];
  for (let index = 0; index < all.length; index += 2) {
    const value = String(all[index + 1]);
    users.push(userOf(String(all[index]), value.slice(value.indexOf(" ") + 1)));
  }
  return users;
}

/**
 * Encodes what is shown of a user besides the id: the name; and if there is more, a tab and that as JSON.
 * Neither has a line feed, which ends it in a published change.
 */
function shownOf({ id: _, name, ...more }: User): string {
  return Object.keys(more).length === 0 ? name : `${name}\t${JSON.stringify(more)}`;
}

function userOf(id: string, shown: string): User {
  const [name = "", more] = shown.split("\t");
  return { id, name, ...(more !== undefined && JSON.parse(more)) };
}
