/**
 * The read marks on Redis: one hash for each user, with the rooms as fields. Their keys share a slot, so
 * that one script can store the marks of many users.
 *
 * @module
 */
import type { BrokerListener } from "../broker.ts";
import {
  type Mark,
  MARKS_AT_ONCE,
  type MarkStore,
  MAX_GUEST_MARKS,
  MAX_MARKS,
  type MovedMark,
  type UserMark,
} from "../marks.ts";
import { isGuestId } from "../../protocol/names.ts";
import { isRecord } from "../../protocol/rules.ts";
import { script } from "./entries_script.ts";
import type { RedisLink } from "./link.ts";
import { readHash } from "./read_hash.ts";

/**
 * Stores marks. The value of a field is `log seq changed`. The guests' set has all marks of guests, as key,
 * line feed and room, by when they were moved.
 *
 * Keys: the guests' set, then each mark's hash. Arguments: how many marks a user and all guests may have;
 * and for each mark: room, log, seq, and `1` if the user is a guest.
 *
 * → the marks of guests to be forgotten, because all guests have too many; and after each a number
 */
export const WRITE_MARKS = script(`
local guests, of_user, of_guests = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Forgets the marks of a user that were moved longest ago.
local function forget(key, count)
  local fields, list = redis.call('HGETALL', key), {}
  for i = 1, #fields, 2 do
    list[#list + 1] = { fields[i], tonumber(string.match(fields[i + 1], '%d+$')) or 0 }
  end
  table.sort(list, function(a, b) return a[2] < b[2] end)
  for i = 1, count do
    redis.call('HDEL', key, list[i][1])
    redis.call('ZREM', guests, key .. '\\n' .. list[i][1])
  end
end

for i = 2, #KEYS do
  local key, at = KEYS[i], 3 + (i - 2) * 4
  local room, log, seq, is_guest = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3] == '1'
  local old_log, old_seq = string.match(redis.call('HGET', key, room) or '', '^(%S+) (%d+) ')
  if old_log == log then seq = math.max(seq, tonumber(old_seq)) end
  local changed = now + i -- so that those of one script have an order
  redis.call('HSET', key, room, log .. ' ' .. string.format('%.0f %.0f', seq, changed))
  if is_guest then redis.call('ZADD', guests, string.format('%.0f', changed), key .. '\\n' .. room) end
  local over = old_log and 0 or redis.call('HLEN', key) - of_user
  if over > 0 then forget(key, over) end
end
local over = redis.call('ZCARD', guests) - of_guests
return over > 0 and redis.call('ZPOPMIN', guests, over) or {}
`);

const BOUNDS = { ofUser: MAX_MARKS, ofGuests: MAX_GUEST_MARKS };

export class RedisMarks implements MarkStore {
  readonly #link: RedisLink;
  /** Names this node on the channel. */
  readonly #node = crypto.randomUUID();
  readonly #max: typeof BOUNDS;
  #listener: BrokerListener = { committed() {}, signalled() {} };

  /** Subscribes to what other nodes tell. */
  static async open(link: RedisLink): Promise<RedisMarks> {
    const marks = new RedisMarks(link);
    await link.subscribe(link.names.markChannel, (message) => marks.#receive(message));
    return marks;
  }

  constructor(link: RedisLink, max = BOUNDS) {
    this.#link = link;
    this.#max = max;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  async get(userId: string, room: string): Promise<Mark | undefined> {
    return markOf(room, await this.#link.ask("HGET", this.#link.names.marks(userId), room));
  }

  async all(userId: string): Promise<readonly Mark[]> {
    const fields = await readHash(this.#link, this.#link.names.marks(userId));
    return [...fields].flatMap(([room, value]) => markOf(room, value) ?? []);
  }

  async write(marks: readonly UserMark[]): Promise<void> {
    const { names } = this.#link;
    for (let index = 0; index < marks.length; index += MARKS_AT_ONCE) {
      const some = marks.slice(index, index + MARKS_AT_ONCE);
      const keys = [names.guestMarks, ...some.map(({ userId }) => names.marks(userId))];
      const forgotten = await this.#link.run(WRITE_MARKS, keys, [
        ...[String(this.#max.ofUser), String(this.#max.ofGuests)],
        ...some.flatMap(({ userId, room, log, seq }) => [
          ...[room, log, String(seq)],
          isGuestId(userId) ? "1" : "",
        ]),
      ]);
      await Promise.all(forgotten.map((mark, at) => at % 2 === 0 && this.#forget(String(mark))));
    }
  }

  tell(marks: readonly MovedMark[]): void {
    this.#link.publish(this.#link.names.markChannel, `${this.#node}\n${JSON.stringify(marks)}`);
  }

  forget(userId: string): void {
    this.erase(userId).catch(() => {
      // Redis is away, also for the one who erases: that is refused, and repeated.
    });
  }

  /** Removes all marks of a user. */
  async erase(userId: string): Promise<void> {
    const { names } = this.#link;
    const key = names.marks(userId);
    const rooms = [...(await readHash(this.#link, key)).keys()];
    await this.#link.ask("DEL", key);
    if (rooms.length === 0) return;
    await this.#link.ask("ZREM", names.guestMarks, ...rooms.map((room) => `${key}\n${room}`));
  }

  /** Forgets a mark, named by its key and its room. A script may touch no key that it was not given. */
  async #forget(mark: string): Promise<void> {
    const [key = "", room = ""] = mark.split("\n");
    await this.#link.ask("HDEL", key, room);
  }

  /** Anyone who may use this Redis can publish: a message of another form is passed over. */
  #receive(message: string): void {
    const end = message.indexOf("\n");
    if (message.slice(0, end) === this.#node) return;
    const marks = parseMoved(message.slice(end + 1));
    if (marks !== undefined) this.#listener.marked?.(marks);
  }
}

/** Reads the value of a field. */
export function markOf(room: string, value: unknown): Mark | undefined {
  const [, log, digits] = /^([^ ]+) (\d{1,16}) \d+$/.exec(String(value ?? "")) ?? [];
  return log === undefined ? undefined : { room, log, seq: Number(digits) };
}

function parseMoved(text: string): readonly MovedMark[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Array.isArray(value) && value.every(isMoved) ? value : undefined;
}

function isMoved(value: unknown): value is MovedMark {
  if (!isRecord(value)) return false;
  const { userId, room, seq, ref = "" } = value;
  return [userId, room, ref].every((text) => typeof text === "string") &&
    Number.isSafeInteger(seq) && Number(seq) >= 0;
}
