/**
 * The member counts of all rooms, for the list of rooms. A count expires with the last lease on the room's
 * members, unless a node renews it.
 *
 * @module
 */
import type { RoomSummary } from "../broker.ts";
import type { RedisLink } from "./link.ts";
import type { MemberQueries } from "./member_queries.ts";

/** A count, and how many milliseconds it is good. */
interface Count {
  readonly members: number;
  readonly leftMs: number;
}

/** The setting of a room's count. */
interface Setting {
  /** What is to be set next. */
  next: Count | undefined;
  /** Settles when nothing is to be set any more. */
  done: Promise<void>;
}

export class RoomCounts {
  readonly #link: Pick<RedisLink, "ask" | "names" | "now">;
  readonly #queries: Pick<MemberQueries, "run">;
  /** The rooms whose count is being set: one after the other, however many ask for it. */
  readonly #settings = new Map<string, Setting>();

  constructor(
    link: Pick<RedisLink, "ask" | "names" | "now">,
    queries: Pick<MemberQueries, "run">,
  ) {
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
   * Sets or renews a room's count, and settles when it holds. It never rejects: the next heartbeat sets what
   * could not be set.
   *
   * Another node may have set a newer count before this one. So whoever sets a count then looks whether it
   * still holds: the last who sets one has looked after everybody else.
   *
   * @param leftMs how long the count is good.
   */
  set(room: string, members: number, leftMs: number): Promise<void> {
    const next = { members, leftMs };
    const running = this.#settings.get(room);
    if (running !== undefined) {
      running.next = next;
      return running.done;
    }
    const setting: Setting = { next, done: Promise.resolve() };
    this.#settings.set(room, setting);
    return setting.done = this.#setAll(room, setting);
  }

  /** Sets a room's count to what it is now, and settles when it holds. It never rejects. */
  async renew(room: string): Promise<void> {
    const count = await this.#read(room);
    if (count !== undefined) await this.set(room, count.members, count.leftMs);
  }

  async #setAll(room: string, setting: Setting): Promise<void> {
    while (setting.next !== undefined) {
      const count = setting.next;
      setting.next = undefined;
      if (!await this.#holds(room, count)) setting.next ??= await this.#read(room);
    }
    this.#settings.delete(room);
  }

  /** Sets a count, and tells whether it holds afterwards, as far as Redis says. */
  async #holds(room: string, { members, leftMs }: Count): Promise<boolean> {
    const { names, now } = this.#link;
    const until = String(now + leftMs);
    const commands = members === 0
      ? [["ZREM", names.counts, room], ["ZREM", names.countsUntil, room]]
      : [["ZADD", names.counts, String(members), room], ["ZADD", names.countsUntil, until, room]];
    const look = ["HLEN", names.key(room, "people")];
    const asked = [...commands, look].map((command) => this.#link.ask(...command));
    const seen = (await Promise.allSettled(asked)).at(-1);
    return seen?.status !== "fulfilled" || seen.value === members;
  }

  /** Returns a room's count as it is now; `undefined` if Redis is away: it ends with the last lease. */
  async #read(room: string): Promise<Count | undefined> {
    try {
      const [, , members, leftMs] = await this.#queries.run(room, [], false);
      return { members: Number(members), leftMs: Number(leftMs) };
    } catch {
      return undefined;
    }
  }
}
