/**
 * The names of everything that one Parley keeps in Redis or says on a channel. Several of them can
 * share a Redis: by their prefixes, or by the numbers of their databases.
 *
 * No two prefixes lead to the same name. A prefix holds no brace, so it ends where a room begins; and
 * the names that belong to no room differ in their last word.
 *
 * @module
 */

export class RedisNames {
  readonly #prefix: string;
  readonly #database: number;
  /** Holds the secret that tokens are signed with. */
  readonly secret: string;
  /** Holds how many people are in each room. */
  readonly counts: string;
  /** Holds until when each of the counts is believed. */
  readonly countsUntil: string;

  /**
   * @param prefix letters, digits and `_.:-`, as the options check.
   * @param database the number of the database, as the URL has it.
   */
  constructor(prefix: string, database: number) {
    this.#prefix = prefix;
    this.#database = database;
    this.secret = `${prefix}:secret`;
    this.counts = `${prefix}:rooms`;
    this.countsUntil = `${prefix}:rooms:until`;
  }

  /** The key of something of a room's. In a Redis Cluster all keys of a room lie in one slot. */
  key(room: string, what: string): string {
    return `${this.#prefix}:{${room.replace(/[%{}]/g, encodeURIComponent)}}:${what}`;
  }

  /**
   * The channel on which all nodes hear what happens in a room. It names the database because Pub/Sub
   * does not know of databases: what is published under `/0` is heard under `/1`.
   */
  channel(room: string): string {
    return this.key(room, `heard:${this.#database}`);
  }
}
