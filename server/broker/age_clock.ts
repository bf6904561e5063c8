/**
 * The time by which messages grow old. A wall clock that is far ahead for some seconds, as after a
 * failed time server or with an empty clock battery, must not delete a log by age.
 *
 * @module
 */

/** A step forward of more than this is not believed at once. */
const MAX_JUMP_MS = 3_600_000;
/** A jump is believed when it has lasted for this long. */
const PROOF_MS = 3_600_000;

/** The clocks that {@linkcode AgeClock} reads. */
export interface Clocks {
  /** The wall clock: milliseconds since 1970. */
  readonly wall: () => number;
  /** A clock that only ever grows, in milliseconds. */
  readonly steady: () => number;
}

export class AgeClock {
  readonly #clocks: Clocks;
  /** The last result of `now()`. */
  #time: number;
  #readAt: number;
  /** A jump that is not believed yet: what both clocks showed when it was noticed. */
  #jump: { readonly wall: number; readonly steady: number } | undefined;

  /** @param newest when the newest message was stored. The clock starts there, if there is one. */
  constructor(clocks: Clocks, newest: number | undefined) {
    this.#clocks = clocks;
    this.#time = newest ?? clocks.wall();
    this.#readAt = clocks.steady();
  }

  /**
   * Reads the time. It follows the wall clock, but follows a jump forward of over an hour only when an
   * hour has passed. A step back is followed at once: it makes nothing older.
   */
  now(): number {
    const wall = this.#clocks.wall();
    const steady = this.#clocks.steady();
    const expected = this.#time + steady - this.#readAt;
    this.#readAt = steady;
    if (wall <= expected + MAX_JUMP_MS || this.#isProven(wall, steady)) {
      this.#jump = undefined;
      return this.#time = wall;
    }
    return this.#time = expected;
  }

  /** Whether the wall clock has gone on evenly, and for long enough, since it jumped. */
  #isProven(wall: number, steady: number): boolean {
    const lasted = steady - (this.#jump?.steady ?? steady);
    const expected = (this.#jump?.wall ?? -Infinity) + lasted;
    if (Math.abs(wall - expected) > MAX_JUMP_MS) {
      this.#jump = { wall, steady };
      return false;
    }
    return lasted >= PROOF_MS;
  }
}
