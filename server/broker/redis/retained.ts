/**
 * The retained events of rooms on Redis: one {@linkcode SharedHash} a room, whose changes come over the
 * room's channel. Redis's `maxmemory` bounds their bytes in all; here the number of rooms is bounded.
 *
 * @module
 */
import { FullError } from "../broker_error.ts";
import type { BrokerListener } from "../broker.ts";
import {
  MAX_RETAINED,
  MAX_RETAINED_BYTES,
  RetainedBoundError,
  type RetainedEvent,
} from "../retained.ts";
import type { RedisLink } from "./link.ts";
import { changeField, SharedHash } from "./shared_hash.ts";

const BOUNDS = { fields: MAX_RETAINED, bytes: MAX_RETAINED_BYTES };
/**
 * How many rooms retain something. Above it, the rooms without members whose events were set longest ago
 * lose theirs; if there are none, another room can retain nothing.
 */
const MAX_ROOMS = 10_000;
/** Rooms that are looked at in search of one without members. */
const MAX_PASSED = 100;

export class RedisRetained {
  readonly #link: RedisLink;
  readonly #maxRooms: number;
  readonly #hashes = new Map<string, SharedHash>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  /** Whether too many rooms retain something, as last counted. */
  #isFull = false;

  /** @param maxRooms how many rooms may retain something. */
  constructor(link: RedisLink, maxRooms = MAX_ROOMS) {
    this.#link = link;
    this.#maxRooms = maxRooms;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  /** Reads the events of a room whose channel is subscribed to, and calls back before it answers. */
  async open(room: string): Promise<void> {
    const hash = new SharedHash(this.#link, this.#key(room), {
      changed: ({ field, value, isRemoval }) =>
        this.#listener.retainedChanged?.(room, {
          kind: "one",
          name: field,
          event: value,
          isRemoval,
        }),
      read: (events) => this.#listener.retainedChanged?.(room, { kind: "all", events }),
    });
    this.#hashes.set(room, hash);
    await hash.read();
  }

  close(room: string): void {
    this.#hashes.delete(room);
  }

  /** Takes a published change. */
  receive(room: string, message: string): void {
    this.#hashes.get(room)?.receive(message);
  }

  /** Finds out whether a change was missed. */
  async heartbeat(room: string): Promise<void> {
    await this.#hashes.get(room)?.check();
  }

  /**
   * Stores or removes an event. Nothing is awaited before, so that the events of one sender keep their order.
   *
   * @throws {RetainedBoundError} if the room retains too much.
   * @throws {FullError} if too many rooms retain something, or Redis has no memory left.
   */
  async retain(room: string, { name, event, isRemoval }: RetainedEvent): Promise<void> {
    const { names } = this.#link;
    if (this.#isFull && !isRemoval) await this.#assertNotFull(room);
    const { outcome } = await changeField(this.#link, {
      key: this.#key(room),
      channel: names.channel(room),
      letter: "r",
      field: name,
      value: event,
      isRemoval,
      bounds: BOUNDS,
    });
    if (outcome !== "stored") {
      throw new RetainedBoundError(outcome === "fields" ? "events" : "bytes");
    }
    await this.#count(room);
  }

  /** Counts the rooms that retain something, and drops the events of others if there are too many. */
  async #count(room: string): Promise<void> {
    const { retaining, counts } = this.#link.names;
    const isGone = await this.#link.ask("EXISTS", this.#key(room)) === 0;
    if (isGone) await this.#link.ask("ZREM", retaining, room);
    else await this.#link.ask("ZADD", retaining, String(this.#link.now), room);
    this.#isFull = Number(await this.#link.ask("ZCARD", retaining)) > this.#maxRooms;
    if (!this.#isFull) return;
    const oldest = await this.#link.ask("ZRANGE", retaining, "0", String(MAX_PASSED - 1));
    for (const other of Array.isArray(oldest) ? oldest.map(String) : []) {
      if (other === room || await this.#link.ask("ZSCORE", counts, other) !== null) continue;
      await this.#link.ask("DEL", this.#key(other));
      await this.#link.ask("ZREM", retaining, other);
      this.#isFull = false;
      return;
    }
  }

  /** @throws {FullError} if the room retains nothing yet, and no other can lose its events. */
  async #assertNotFull(room: string): Promise<void> {
    if (await this.#link.ask("EXISTS", this.#key(room)) === 1) return;
    await this.#count(room);
    if (!this.#isFull) return;
    throw new FullError("Cannot retain this: as many rooms retain events as may in all.");
  }

  #key(room: string): string {
    return this.#link.names.key(room, "retained");
  }
}
