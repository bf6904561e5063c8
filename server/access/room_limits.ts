/**
 * `RoomLimits` bounds the rooms that have members: in all, and for each address that opened them. If one
 * address could open all of them, all others would be shut out.
 *
 * @module
 */
import type { Options } from "../options.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Source } from "./source.ts";

/** The part of all rooms that one address may open. */
const SHARE = 1 / 10;
/** The part that a site of many networks may open at most. Its 16 shares would be more than all. */
const SITE_SHARE = 1 / 2;
/** When to try again. Rooms become free only when their members leave. */
const RETRY_MS = 5000;

export class RoomLimits {
  readonly #max: number;
  readonly #share: number;

  constructor({ maxRooms, maxRoomsPerConnection }: RoomOptions) {
    this.#max = maxRooms;
    // One connection may always open as many rooms as it may be in.
    this.#share = Math.max(Math.floor(maxRooms * SHARE), maxRoomsPerConnection, 1);
  }

  /**
   * Refuses to open one more room, if the limits are reached.
   *
   * @throws {Refusal} `too_many_rooms`
   */
  check(openRooms: number, source: Source): void {
    if (this.#max === 0) return;
    if (openRooms >= this.#max) {
      throw new Refusal(
        "too_many_rooms",
        "Cannot open another room: the server has as many as it may have (--max-rooms).",
        {
          field: "room",
          limit: "max_rooms",
          retryAfterMs: RETRY_MS,
        },
      );
    }
    for (const usage of source.usages) {
      const { rooms, times } = usage;
      const max = times === 1
        ? this.#share
        : Math.max(this.#share, Math.min(this.#share * times, this.#max * SITE_SHARE));
      if (rooms < max) continue;
      const what = `has ${rooms} rooms open, and may have no more`;
      throw source.refusal(usage, "--max-rooms", what, RETRY_MS);
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
