/**
 * The names of keys and channels in Redis. Several Parleys can share a Redis if they differ in their
 * prefixes or in their databases.
 *
 * Different prefixes never lead to the same name. A prefix has no brace, so it ends where a room begins;
 * and the names that belong to no room differ in their last word.
 *
 * @module
 */

export class RedisNames {
  readonly #prefix: string;
  readonly #database: number;
  /** The secret that tokens are signed with. */
  readonly secret: string;
  /** The number of members of each room. */
  readonly counts: string;
  /** When each of these counts expires. */
  readonly countsUntil: string;
  /** The rooms that retain events, by when these were set last. */
  readonly retaining: string;
  /** The sanctions. */
  readonly sanctions: string;
  /** The other orders of the last half minute. */
  readonly passing: string;
  /** The channel of the orders. */
  readonly orders: string;
  /** The channel on which nodes tell of read marks. */
  readonly markChannel: string;
  /** All read marks of guests. */
  readonly guestMarks: string;

  /**
   * @param prefix letters, digits and `_.:-`, as the options check.
   * @param database the number of the database in the URL.
   */
  constructor(prefix: string, database: number) {
    this.#prefix = prefix;
    this.#database = database;
    this.secret = `${prefix}:secret`;
    this.counts = `${prefix}:rooms`;
    this.countsUntil = `${prefix}:rooms:until`;
    this.retaining = `${prefix}:rooms:retaining`;
    this.sanctions = `${prefix}:sanctions`;
    this.passing = `${prefix}:orders`;
    this.orders = `${prefix}:orders:${database}`;
    this.markChannel = `${prefix}:marks:${database}`;
    this.guestMarks = this.#mark("guests");
  }

  /** Returns a key of a room. The braces put all keys of a room into one slot of a Redis Cluster. */
  key(room: string, what: string): string {
    return `${this.#prefix}:{${room.replace(/[%{}]/g, encodeURIComponent)}}:${what}`;
  }

  /** Returns the pattern that the keys of that kind match, in all rooms; and perhaps some others. */
  roomPattern(what: string): string {
    return `${this.#prefix}:{*}:${what}`;
  }

  /** Returns the room whose key of that kind this is; `undefined` if it is none. */
  roomOf(key: string, what: string): string | undefined {
    const [start, end] = [`${this.#prefix}:{`, `}:${what}`];
    if (!key.startsWith(start) || !key.endsWith(end)) return undefined;
    const name = key.slice(start.length, -end.length);
    if (/[{}]|%(?!25|7B|7D)/.test(name)) return undefined;
    return name.replace(/%../g, decodeURIComponent);
  }

  /** Returns the key of a user's read marks. */
  marks(userId: string): string {
    return this.#mark(`of:${userId}`);
  }

  /** All keys of read marks are in one slot. No room has that name: its `%` would be encoded. */
  #mark(what: string): string {
    return `${this.#prefix}:{%marks}:${what}`;
  }

  /**
   * Returns the channel of a room. It names the database, because Pub/Sub does not: a subscriber in
   * database 1 gets what is published in database 0.
   */
  channel(room: string): string {
    return this.key(room, `heard:${this.#database}`);
  }
}

/** Returns the number of the database that the URL of a Redis names. */
export function databaseOf(url: string): number {
  return Number(new URL(url).pathname.slice(1));
}
