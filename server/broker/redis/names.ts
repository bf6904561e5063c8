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
  }

  /** Returns a key of a room. The braces put all keys of a room into one slot of a Redis Cluster. */
  key(room: string, what: string): string {
    return `${this.#prefix}:{${room.replace(/[%{}]/g, encodeURIComponent)}}:${what}`;
  }

  /**
   * Returns the channel of a room. It names the database, because Pub/Sub does not: a subscriber in
   * database 1 gets what is published in database 0.
   */
  channel(room: string): string {
    return this.key(room, `heard:${this.#database}`);
  }
}
