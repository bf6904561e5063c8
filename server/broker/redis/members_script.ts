/**
 * What Redis is told to do about the people of a room, in one piece: who came, who left, and who only
 * seemed to, being still on another node. A room has
 *
 * - `people`, a hash: each person's id → on how many nodes, and the name;
 * - `at`, a sorted set of one score: node, space, id of each of that node's people;
 * - `nodes`, a sorted set: each node, until when its word is good;
 * - `turn`, a counter of the changes that were told.
 *
 * The first three are there together, or Redis has evicted one and the rest is worth nothing: then all
 * nodes name theirs again.
 *
 * @module
 */
import { guestName } from "../../protocol/names.ts";
import type { User } from "../../protocol/messages.ts";
import type { MemberChange } from "../broker.ts";
import { script } from "./scripts.ts";

/**
 * Keys: people, turn, nodes, at. Arguments: node, lease in ms, channel, `1` to be told of everybody;
 * then four for each change: `+` came, `-` went, `~` is called otherwise, id, name, `1` if that is a
 * guest's name. `=` says first that all who are here follow.
 *
 * → turn, how many of this node's are there, how many in all, and if asked id, `nodes name`, …
 */
export const MEMBERS = script(`
local people, turn, nodes, at = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local me, lease, channel, everybody = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local there = redis.call('EXISTS', people, nodes, at)
local is_torn = there == 1 or there == 2
if is_torn then redis.call('DEL', people, nodes, at) end
if is_torn or redis.call('EXISTS', turn) == 0 then
  redis.call('SET', turn, time[1] .. string.format('%06d', time[2]))
end

local function ids_of(node)
  local ids = redis.call('ZRANGEBYLEX', at, '[' .. node .. ' ', '(' .. node .. '!')
  for i, value in ipairs(ids) do ids[i] = string.sub(value, #node + 2) end
  return ids
end

local function tell(kind, id, name, old)
  local number = string.format('%.0f', redis.call('INCR', turn))
  local words = { 'p' .. number .. kind, id, name, old }
  redis.call('PUBLISH', channel, table.concat(words, '\\n'))
end

-- On how many nodes somebody is, and called what.
local function get(id)
  local count, name = string.match(redis.call('HGET', people, id) or '', '^(%d+) (.*)$')
  return tonumber(count), name
end

local function call(id, count, old, name)
  redis.call('HSET', people, id, count .. ' ' .. name)
  if name ~= old then tell('~', id, name, old) end
end

local function enter(id, name, is_guest)
  local is_new = redis.call('ZADD', at, 0, me .. ' ' .. id) == 1
  local count, old = get(id)
  if not count then
    redis.call('HSET', people, id, '1 ' .. name)
    return tell('+', id, name)
  end
  if is_new then count = count + 1 end
  call(id, count, old, is_guest and old or name)
end

local function leave(node, id)
  if redis.call('ZREM', at, node .. ' ' .. id) == 0 then return end
  local count, name = get(id)
  if not count then return end
  if count > 1 then return call(id, count - 1, name, name) end
  redis.call('HDEL', people, id)
  tell('-', id, name)
end

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
  local kind, id, name = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == '+' then enter(id, name, ARGV[i + 3] == '1') end
  if kind == '-' then leave(me, id) end
  if kind == '~' then
    local count, old = get(id)
    if count then call(id, count, old, name) end
  end
end

-- A clock that was put back would make earlier words good for as long.
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, now + 2 * lease, '+inf')) do
  redis.call('ZADD', nodes, now + lease, node)
end
-- Whoever has not vouched for its people in time is gone, and they with it.
for _, node in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
  if node ~= me then
    for _, id in ipairs(ids_of(node)) do leave(node, id) end
    redis.call('ZREM', nodes, node)
  end
end
local here = redis.call('ZLEXCOUNT', at, '[' .. me .. ' ', '(' .. me .. '!')
if here > 0 then redis.call('ZADD', nodes, now + lease, me) else redis.call('ZREM', nodes, me) end
for _, key in ipairs({ people, turn, nodes, at }) do redis.call('PEXPIRE', key, 4 * lease) end
local answer = { tonumber(redis.call('GET', turn)), here, redis.call('HLEN', people) }
if everybody then answer[4] = redis.call('HGETALL', people) end
return answer
`);

/** A change as the script is told it. */
export function opOf(kind: string, { id, name }: User): string[] {
  return [kind, id, name, name === guestName(id) ? "1" : ""];
}

/** A change as the script tells it. */
export function changeOf(kind: string, user: User, old: string | undefined): MemberChange {
  if (kind === "~") return { kind: "renamed", user, old: old ?? user.name };
  return { kind: kind === "+" ? "joined" : "left", user };
}

/** From a hash of id → how many nodes, space, name. */
export function usersOf(all: readonly unknown[]): User[] {
  const users: User[] = [];
  for (let index = 0; index < all.length; index += 2) {
    const held = String(all[index + 1]);
    users.push({ id: String(all[index]), name: held.slice(held.indexOf(" ") + 1) });
  }
  return users;
}
