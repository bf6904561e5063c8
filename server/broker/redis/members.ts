/**
 * Who is in which room, over all nodes. Each node vouches for its own people, and its word is good
 * for a lease; what a dead node said runs out, and whoever notices first says so to all. A script
 * decides who came and who left, and numbers what it tells: so all nodes hear the same, in the same
 * order, and one that missed something knows it.
 *
 * @module
 */
import type { User } from "../../protocol/messages.ts";
import type { BrokerListener, RoomSummary, SharedMembers } from "../broker.ts";
import type { RedisLink } from "./link.ts";
import { changeOf, MEMBERS, opOf, usersOf } from "./members_script.ts";
import { newPlace, type Place } from "./member_list.ts";

/**
 * After Redis has lost everybody, it takes this part of a lease until all nodes have named theirs
 * again: longer than the third after which each gives its word.
 */
const GATHER_SHARE = 5 / 9;
/**
 * A turn is a time in microseconds at first and then counted on, so one that is this far off is from
 * after such a loss.
 */
const FAR = 10_000;
/** Changes kept while everybody is being asked for. If one is dropped, the gap is noticed. */
const MOST_EARLY = 1_024;

export class RedisMembers implements SharedMembers {
  readonly #link: RedisLink;
  readonly #node: string;
  readonly #leaseMs: number;
  readonly #places = new Map<string, Place>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #closed = false;

  /** @param leaseMs how long a node's word is good. */
  constructor(link: RedisLink, node: string, leaseMs: number) {
    this.#link = link;
    this.#node = node;
    this.#leaseMs = leaseMs;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  enter(room: string, user: User): void {
    this.#tell(room, "+", user);
  }

  leave(room: string, user: User): void {
    this.#tell(room, "-", user);
  }

  rename(room: string, user: User): void {
    this.#tell(room, "~", user);
  }

  async rooms(most: number): Promise<readonly RoomSummary[]> {
    const { counts, countsUntil } = this.#link.names;
    const range = ["-inf", String(this.#link.now), "LIMIT", "0", "1000"];
    const gone = await this.#link.ask("ZRANGEBYSCORE", countsUntil, ...range);
    if (Array.isArray(gone) && gone.length > 0) {
      await Promise.all([counts, countsUntil].map((key) => this.#link.ask("ZREM", key, ...gone)));
    }
    const answer = await this.#link.ask("ZREVRANGE", counts, "0", String(most - 1), "WITHSCORES");
    const rooms: RoomSummary[] = [];
    for (let index = 0; Array.isArray(answer) && index < answer.length; index += 2) {
      rooms.push({ name: String(answer[index]), memberCount: Number(answer[index + 1]) });
    }
    return rooms;
  }

  /** The room is heard from now on: this asks who is in it, and calls that back before it answers. */
  async open(room: string): Promise<void> {
    const place = this.#place(room);
    await place.telling;
    // Whoever asks now knows nobody yet, whatever was known before.
    clearTimeout(place.gathering);
    place.gathering = undefined;
    [place.turn, place.turnBefore] = [-1, -1];
    await this.#ask(place, [], true);
  }

  /** Nobody is here any more. */
  async close(room: string): Promise<void> {
    const place = this.#places.get(room);
    if (place === undefined) return;
    await place.telling;
    // Somebody may have come again meanwhile.
    if (this.#places.get(room) !== place || place.ops.length > 0 || this.#here(room) > 0) return;
    clearTimeout(place.gathering);
    this.#places.delete(room);
  }

  /** A change: turn, kind, line feed, id, line feed, name, and the old name if there was one. */
  hear(room: string, message: string): void {
    const place = this.#places.get(room);
    if (place === undefined) return;
    if (place.turn < 0) {
      if (place.early.length < MOST_EARLY) place.early.push(message);
      return;
    }
    const [head = "", id = "", name = "", old] = message.split("\n");
    if (!/^\d{1,16}[+~-]$/.test(head) || id === "") return; // not said by a node
    const turn = Number(head.slice(0, -1));
    if (turn <= place.turn && turn > place.turn - FAR) return;
    const isNext = turn === place.turn + 1;
    if (!isNext && Math.abs(turn - place.turn) < FAR) return void this.#askAgain(place);
    place.turn = turn;
    if (!isNext) this.#gather(place);
    this.#listener.membersChanged?.(room, changeOf(head.slice(-1), { id, name }, old));
  }

  /** Vouches for a room's people once more, and finds out whether a change was missed. */
  async beat(room: string): Promise<void> {
    const place = this.#places.get(room);
    if (place === undefined || place.ops.length > 0 || place.telling !== undefined) return;
    if (!place.isTold) return await this.#tellAll(place);
    const { turnThen, turn } = place;
    await this.#ask(place, [], false);
    if (!place.isTold) return await this.#tellAll(place);
    // What there was a whole beat ago ought to have been heard.
    if (turnThen > turn && turn >= 0) this.#askAgain(place);
  }

  /** Settles when all that was to be told is told, or cannot be. */
  async end(): Promise<void> {
    this.#closed = true;
    for (const { gathering } of this.#places.values()) clearTimeout(gathering);
    await Promise.all([...this.#places.values()].map(({ telling }) => telling));
  }

  #place(room: string): Place {
    let place = this.#places.get(room);
    if (place === undefined) {
      place = newPlace(room);
      this.#places.set(room, place);
    }
    return place;
  }

  #here(room: string): number {
    return this.#listener.membersHere?.(room).length ?? 0;
  }

  #tell(room: string, kind: string, user: User): void {
    const place = this.#place(room);
    place.ops.push(...opOf(kind, user));
    place.telling ??= this.#tellOps(place).finally(() => place.telling = undefined);
  }

  async #tellOps(place: Place): Promise<void> {
    await Promise.resolve(); // what one turn of the loop brings goes together
    while (place.ops.length > 0 && place.isTold) {
      const ops = place.ops;
      place.ops = [];
      try {
        await this.#ask(place, ops, false);
      } catch {
        place.isTold = false; // all of them are told when Redis is back
      }
    }
    if (!place.isTold) place.ops = [];
  }

  /** Tells Redis who is here, whatever it thinks, and hears who is everywhere. */
  async #tellAll(place: Place): Promise<void> {
    const here = this.#listener.membersHere?.(place.room) ?? [];
    place.isTold = true;
    try {
      const all = here.flatMap((user) => opOf("+", user));
      await this.#ask(place, [...opOf("=", { id: "", name: "" }), ...all], true);
    } catch (thrown) {
      place.isTold = false;
      throw thrown;
    }
  }

  async #ask(place: Place, ops: readonly string[], everybody: boolean): Promise<void> {
    const { room } = place;
    if (everybody) {
      if (place.turn >= 0) place.turnBefore = place.turn;
      place.turn = -1;
    }
    const { names } = this.#link;
    const keys = ["people", "turn", "nodes", "at"].map((what) => names.key(room, what));
    const [turn, mine, count, all] = await this.#link.run(MEMBERS, keys, [
      this.#node,
      String(this.#leaseMs),
      names.channel(room),
      everybody ? "1" : "",
      ...ops,
    ]);
    place.turnThen = Number(turn);
    if (place.ops.length === 0 && Number(mine) !== this.#here(room)) place.isTold = false;
    this.#setCount(place, Number(count), ops.length === 0);
    if (!everybody || !Array.isArray(all)) return;
    const { turnBefore } = place;
    place.turn = Number(turn);
    if (turnBefore >= 0 && Math.abs(place.turn - turnBefore) >= FAR) this.#gather(place);
    // Right after a loss they are not all: nobody has left who is only not named again yet.
    if (place.gathering === undefined) {
      this.#listener.membersChanged?.(room, { kind: "everyone", users: usersOf(all) });
    }
    const early = place.early;
    place.early = [];
    for (const message of early) this.hear(room, message);
  }

  #askAgain(place: Place): void {
    this.#ask(place, [], true).catch(() => {
      place.isTold = false; // and the next beat asks
    });
  }

  #gather(place: Place): void {
    clearTimeout(place.gathering);
    if (this.#closed) return;
    place.gathering = setTimeout(() => {
      place.gathering = undefined;
      this.#askAgain(place);
    }, this.#leaseMs * GATHER_SHARE);
  }

  /** For those who ask which rooms there are. */
  #setCount(place: Place, count: number, isBeat: boolean): void {
    if (count === place.count && !isBeat) return;
    place.count = count;
    const { counts, countsUntil } = this.#link.names;
    const commands = count === 0
      ? [["ZREM", counts, place.room], ["ZREM", countsUntil, place.room]]
      : [
        ["ZADD", counts, String(count), place.room],
        ["ZADD", countsUntil, String(this.#link.now + this.#leaseMs), place.room],
      ];
    for (const command of commands) {
      this.#link.ask(...command).catch(() => {
        // The next beat says it again.
      });
    }
  }
}
