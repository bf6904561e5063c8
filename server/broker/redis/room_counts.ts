/**
 * The member counts of all rooms, for the list of rooms. A count expires with the last lease on the room's
 * members, unless a node renews it.
 *
 * @module
 */
import type { RoomSummary } from "../broker.ts";
import type { RedisLink } from "./link.ts";

export class RoomCounts {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
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
   * @param leftMs how long the count is good.
   */
  async set(room: string, count: number, leftMs: number): Promise<void> {
    const { counts, countsUntil } = this.#link.names;
    const until = String(this.#link.now + leftMs);
    const commands = count === 0
      ? [["ZREM", counts, room], ["ZREM", countsUntil, room]]
      : [["ZADD", counts, String(count), room], ["ZADD", countsUntil, until, room]];
    await Promise.allSettled(commands.map((command) => this.#link.ask(...command)));
  }
}
