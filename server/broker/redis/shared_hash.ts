/**
 * A `SharedHash` is a hash on Redis, of which each node keeps up with the changes. A script makes each
 * change and publishes it, with the version before and after it, so all nodes get the same changes in the
 * same order, and a node that misses one notices and reads the whole hash.
 *
 * @module
 */
import { FullError } from "../broker_error.ts";
import { isFull } from "./connection.ts";
import type { RedisLink } from "./link.ts";
import { script } from "./entries_script.ts";
import { readHash } from "./read_hash.ts";

/** A change of one field. */
export interface FieldChange {
  readonly field: string;
  /** The new value; if the field is removed, the last words about it, which are not kept. */
  readonly value: string;
  readonly isRemoval: boolean;
}

/** The callbacks of a {@linkcode SharedHash}. */
export interface SharedHashListener {
  changed(change: FieldChange): void;
  /** The hash was read: these are all fields. */
  read(fields: ReadonlyMap<string, string>): void;
}

/** How much a hash may hold. */
export interface HashBounds {
  readonly fields: number;
  /** Bytes of all fields and values; 0 for no bound. */
  readonly bytes: number;
}

/** What became of a change. */
export type ChangeOutcome =
  | { readonly outcome: "stored"; readonly version: string }
  /** The hash would hold too many fields, or too many bytes. */
  | { readonly outcome: "fields" | "bytes" };

/**
 * Changes a field. The field without a name holds the version: a time in microseconds, so that it grows
 * even if Redis has lost the hash. A hash without other fields is deleted.
 *
 * Keys: the hash. Arguments: channel, the letter that begins the message, field, value, `1` to remove,
 * the bounds, and the value that must be there (or empty). → `stored` version, `fields`, `bytes`, or
 * `other` if another value is there
 */
export const CHANGE_FIELD = script(`
local key, channel, letter, field, value = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local is_removal, max_fields, max_bytes = ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
local expected = ARGV[8]
local before = redis.call('HGET', key, '') or '0'
if expected ~= '' and redis.call('HGET', key, field) ~= expected then return { 'other' } end
if not is_removal then
  local is_new = redis.call('HEXISTS', key, field) == 0
  if is_new and redis.call('HLEN', key) > max_fields then return { 'fields' } end -- it counts the version
  if max_bytes > 0 then
    local bytes = #field + #value
    for _, other in ipairs(redis.call('HKEYS', key)) do
      if other ~= field and other ~= '' then bytes = bytes + #other + redis.call('HSTRLEN', key, other) end
    end
    if bytes > max_bytes then return { 'bytes' } end
  end
end
local time = redis.call('TIME')
local version = math.max(time[1] * 1000000 + time[2], tonumber(before) + 1)
version = string.format('%.0f', version)
if is_removal then
  redis.call('HDEL', key, field)
  if redis.call('HLEN', key) <= 1 then redis.call('DEL', key) end
end
if not is_removal or redis.call('EXISTS', key) == 1 then redis.call('HSET', key, '', version) end
if not is_removal then redis.call('HSET', key, field, value) end
local head = letter .. before .. ' ' .. version .. ' ' .. (is_removal and '-' or '+')
redis.call('PUBLISH', channel, head .. '\\n' .. field .. '\\n' .. value)
return { 'stored', version }
`);

/** Changes that are kept while the hash is read. A dropped one is noticed as a gap. */
const MAX_EARLY = 1_024;
/** A change that has not arrived after this time is read. */
const ARRIVAL_MS = 200;
/** A change fails at once if Redis has been away for this long. */
const MAX_AWAY_MS = 1_000;

export class SharedHash {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #listener: SharedHashListener;
  /** The version that this node has reached; `undefined` while the hash is read, or cannot be. */
  #version: string | undefined;
  /** The names of the fields. */
  readonly #fields = new Set<string>();
  #early: string[] = [];
  #reading: Promise<void> | undefined;
  #waiting: { readonly version: number; readonly resolve: () => void }[] = [];

  constructor(link: RedisLink, key: string, listener: SharedHashListener) {
    this.#link = link;
    this.#key = key;
    this.#listener = listener;
  }

  /** Reads the hash, and calls back before it answers. The channel must be subscribed to before. */
  read(): Promise<void> {
    return this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  /** Takes a published change: the versions before and after it, kind, line feed, field, line feed, value. */
  receive(message: string): void {
    if (this.#version === undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push(message);
      return;
    }
    const [, before = "", after = "", kind, field = "", value = ""] =
      /^(\d{1,16}) (\d{1,16}) ([+-])\n([^\n]+)\n([^\n]*)$/.exec(message) ?? [];
    if (after === "" || Number(after) <= Number(this.#version)) return;
    // The version of a hash that was deleted, because it was empty, is forgotten.
    const isNext = before === this.#version || before === "0" && this.#fields.size === 0;
    if (!isNext) return this.#readSoon();
    this.#version = after;
    const isRemoval = kind === "-";
    if (isRemoval) this.#fields.delete(field);
    else this.#fields.add(field);
    this.#listener.changed({ field, value, isRemoval });
    this.#release();
  }

  /** Forgets a field that was removed without a change of the version. */
  forget(field: string): void {
    this.#fields.delete(field);
  }

  /** Finds out whether a change was missed, and then reads the hash. */
  async check(): Promise<void> {
    if (this.#version === undefined) return await this.read();
    const version = this.#version;
    const latest = String(await this.#link.ask("HGET", this.#key, "") ?? "0");
    const isSame = latest === version || latest === "0" && this.#fields.size === 0;
    // A change that was made since may still be on its way.
    if (!isSame && this.#version === version) await this.read();
  }

  /**
   * Waits until this node has received the change with that version. If it has not come within ARRIVAL_MS, the
   * whole hash is read instead. Then the listener gets all fields and not this change: a user who is banned is
   * not told why.
   */
  async arrived(version: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ version: Number(version), resolve });
    this.#release();
    const read = () => void this.read().catch(() => {}).then(resolve);
    // When a process has stood still, the runtime runs the timers that are due before it reads the sockets. One
    // timer would have the hash read although the change lies in the socket's buffer. Of two, the second is set
    // when the first runs, and the sockets are read in between. tests/redis_state_test.ts pins it.
    let timer = setTimeout(() => {
      timer = setTimeout(read, ARRIVAL_MS / 2);
    }, ARRIVAL_MS / 2);
    await promise;
    clearTimeout(timer);
  }

  async #read(): Promise<void> {
    this.#version = undefined;
    const fields = await readHash(this.#link, this.#key);
    this.#version = fields.get("") ?? "0";
    fields.delete("");
    this.#fields.clear();
    for (const field of fields.keys()) this.#fields.add(field);
    this.#listener.read(fields);
    this.#release();
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.receive(message);
  }

  #readSoon(): void {
    this.read().catch(() => {
      // Redis is away. The next heartbeat reads it.
    });
  }

  #release(): void {
    if (this.#waiting.length === 0 || this.#version === undefined) return;
    const reached = Number(this.#version);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ version }) => version > reached);
    for (const { version, resolve } of waiting) if (version <= reached) resolve();
  }
}

/** A field to change, and where. */
export interface FieldWrite extends FieldChange {
  readonly key: string;
  readonly channel: string;
  /** Begins the message, so that a channel can carry several kinds. */
  readonly letter: string;
  readonly bounds: HashBounds;
  /** Changes the field only if it holds this. */
  readonly expected?: string;
}

/**
 * Changes a field of a hash, for all nodes.
 *
 * @throws {FullError} if Redis has no memory left.
 * @throws {BrokerError} if Redis is away, or does not answer. The change may have been made then.
 */
export async function changeField(link: RedisLink, write: FieldWrite): Promise<ChangeOutcome> {
  const { key, channel, letter, field, value, isRemoval, bounds, expected = "" } = write;
  // A node that comes back has orders to give before its connection for commands is ready.
  if (!link.isReady) await link.ready(MAX_AWAY_MS);
  try {
    const [outcome, version] = await link.run(CHANGE_FIELD, [key], [
      ...[channel, letter, field, value, isRemoval ? "1" : ""],
      ...[String(bounds.fields), String(bounds.bytes), expected],
    ]);
    if (outcome === "fields" || outcome === "bytes") return { outcome };
    return { outcome: "stored", version: String(version ?? "0") };
  } catch (thrown) {
    if (isFull(thrown)) throw new FullError("Redis has no memory left.");
    throw thrown;
  }
}
