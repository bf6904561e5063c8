/**
 * The member counts of all rooms, for the list of rooms. A count expires with the last lease on the room's
 * members, unless a node renews it.
 *
 * @module
 */
import type { RoomSummary } from "../broker.ts";
import type { RedisLink } from "./link.ts";
import type { MemberQueries } from "./member_queries.ts";

export class RoomCounts {
  readonly #link: RedisLink;
  readonly #queries: MemberQueries;

  constructor(link: RedisLink, queries: MemberQueries) {
    this.#link = link;
    this.#queries = queries;
  }

  /** Returns so many rooms, the fullest first, without the first `skip`. */
  async list(max: number, skip: number): Promise<RoomSummary[]> {
    const { counts, countsUntil } = this.#link.names;
    const range = ["-inf", String(this.#link.now), "LIMIT", "0", "1000"];
    const expired = await this.#link.ask("ZRANGEBYSCORE", countsUntil, ...range);
    if (Array.isArray(expired) && expired.length > 0) {
      const keys = [counts, countsUntil];
      await Promise.all(keys.map((key) => this.#link.ask("ZREM", key, ...expired)));
    }
    const last = String(skip + max - 1);
    const answer = await this.#link.ask("ZREVRANGE", counts, String(skip), last, "WITHSCORES");
    const rooms: RoomSummary[] = [];
    for (let index = 0; Array.isArray(answer) && index < answer.length; index += 2) {
      rooms.push({ name: String(answer[index]), memberCount: Number(answer[index + 1]) });
    }
    return rooms;
  }

  /**
   * Sets or renews a room's count. It never rejects: the next heartbeat sets what could not be set.
   *
   * Another node may have set a newer count before this one. So whoever sets a count then looks whether it
   * still holds: the last who sets one has looked after everybody else.
   *
   * @param leftMs how long the count is good.
   */
  async set(room: string, count: number, leftMs: number): Promise<void> {
    const { names, now } = this.#link;
    const until = String(now + leftMs);
    const commands = count === 0
      ? [["ZREM", names.counts, room], ["ZREM", names.countsUntil, room]]
      : [["ZADD", names.counts, String(count), room], ["ZADD", names.countsUntil, until, room]];
    const look = ["HLEN", names.key(room, "people")];
    const asked = [...commands, look].map((command) => this.#link.ask(...command));
    const members = (await Promise.allSettled(asked)).at(-1);
    if (members?.status === "fulfilled" && members.value !== count) await this.renew(room);
  }

  /** Sets a room's count to what it is now. It never rejects. */
  async renew(room: string): Promise<void> {
    try {
      const [, , count, leftMs] = await this.#queries.run(room, [], false);
      await this.set(room, Number(count), Number(leftMs));
    } catch {
      // Redis is away. The count ends with the last lease.
    }
  }
}
