/**
 * `RoomLimits` bounds the rooms that have members, in all and from each address that opened them. No
 * address may hold all of them, or everybody else would be shut out.
 *
 * @module
 */
import type { Options } from "../options.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Source } from "./source.ts";

/** The part of all rooms that one address may open. */
const SHARE = 1 / 10;
/** The part that a site of many networks may open, which would else be 16 such shares. */
const SITE_SHARE = 1 / 2;
/** Rooms become free when their members leave: sooner is no use. */
const RETRY_MS = 5000;

export class RoomLimits {
  readonly #max: number;
  readonly #share: number;

  constructor({ maxRooms, maxRoomsPerConnection }: RoomOptions) {
    this.#max = maxRooms;
    // One connection may always open what it may be in.
    this.#share = Math.max(Math.floor(maxRooms * SHARE), maxRoomsPerConnection, 1);
  }

  /**
   * Says whether one more room may be opened from there.
   *
   * @throws {Refusal} `too_many_rooms`
   */
  check(open: number, source: Source): void {
    if (this.#max === 0) return;
    if (open >= this.#max) {
      throw new Refusal(
        "too_many_rooms",
        "The server has no place for another room (--max-rooms).",
        {
          field: "room",
          retryAfterMs: RETRY_MS,
        },
      );
    }
    for (const usage of source.usages) {
      const { rooms, times } = usage;
      const most = times === 1
        ? this.#share
        : Math.max(this.#share, Math.min(this.#share * times, this.#max * SITE_SHARE));
      if (rooms < most) continue;
      const what = `has opened ${rooms} rooms, its share`;
      throw source.refusal("too_many_rooms", usage, "--max-rooms", what, RETRY_MS);
    }
  }

  enter(source: Source): void {
    for (const usage of source.usages) usage.rooms++;
  }

  leave(source: Source): void {
    for (const usage of source.usages) usage.rooms--;
  }
}

type RoomOptions = Pick<Options, "maxRooms" | "maxRoomsPerConnection">;
