/**
 * `RedisKeys` looks through the keys of a Redis that may hold more than one Parley. Redis answers some at a
 * time, so others are served meanwhile. A key that is made or removed meanwhile may be passed over.
 *
 * @module
 */
import type { RedisLink } from "./link.ts";

/** Keys that Redis looks at in one step. */
const KEYS_AT_ONCE = 1000;

export class RedisKeys {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Yields the rooms that have a key of that kind, each once. */
  async *rooms(what: string): AsyncGenerator<string> {
    const { names } = this.#link;
    const found = new Set<string>();
    for await (const keys of this.#matching(names.roomPattern(what))) {
      for (const key of keys) {
        const room = names.roomOf(key, what);
        if (room === undefined || found.has(room)) continue;
        found.add(room);
        yield room;
      }
    }
  }

  /** Yields the keys of users' read marks, some at a time. */
  marks(): AsyncGenerator<readonly string[]> {
    return this.#matching(this.#link.names.marks("*"));
  }

  async *#matching(pattern: string): AsyncGenerator<readonly string[]> {
    let cursor = "0";
    do {
      const step = ["SCAN", cursor, "MATCH", pattern, "COUNT", String(KEYS_AT_ONCE)];
      const answer = await this.#link.ask(...step);
      const [next, keys] = Array.isArray(answer) ? answer : [];
      cursor = String(next ?? "0");
      if (Array.isArray(keys) && keys.length > 0) yield keys.map(String);
    } while (cursor !== "0");
  }
}
