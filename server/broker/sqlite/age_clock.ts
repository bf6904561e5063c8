/**
 * The time by which messages grow old. A wall clock that is far ahead for some seconds, as after a
 * failed time server or with an empty clock battery, must not delete a log by age.
 *
 * @module
 */

/** A step forward of more than this is doubted. */
const JUMP_MS = 3_600_000;
/** And believed when it has lasted for so long. */
const PROOF_MS = 3_600_000;

/** What {@linkcode AgeClock} reads. */
export interface Clocks {
  /** The wall clock: milliseconds since 1970. */
  readonly wall: () => number;
  /** A clock that only ever grows, in milliseconds. */
  readonly steady: () => number;
}

export class AgeClock {
  readonly #clocks: Clocks;
  /** What the time was, when last asked, as far as it is believed. */
  #time: number;
  #askedAt: number;
  /** A jump that is not believed yet: what both clocks said when it was noticed. */
  #jump: { readonly wall: number; readonly steady: number } | undefined;

  /** @param newest when the newest message was stored, if there is one: it is not later than that. */
  constructor(clocks: Clocks, newest: number | undefined) {
    this.#clocks = clocks;
    this.#time = newest ?? clocks.wall();
    this.#askedAt = clocks.steady();
  }

  /**
   * Reads the time. It follows the wall clock, but for a jump forward of over an hour, which it follows
   * an hour later. A clock that is put back is followed at once: then less is old.
   */
  now(): number {
    const wall = this.#clocks.wall();
    const steady = this.#clocks.steady();
    const expected = this.#time + steady - this.#askedAt;
    this.#askedAt = steady;
    if (wall <= expected + JUMP_MS || this.#isProven(wall, steady)) {
      this.#jump = undefined;
      return this.#time = wall;
    }
    return this.#time = expected;
  }

  /** Whether the wall clock has gone on evenly, and for long enough, since it jumped. */
  #isProven(wall: number, steady: number): boolean {
    const lasted = steady - (this.#jump?.steady ?? steady);
    const expected = (this.#jump?.wall ?? -Infinity) + lasted;
    if (Math.abs(wall - expected) > JUMP_MS) {
      this.#jump = { wall, steady };
      return false;
    }
    return lasted >= PROOF_MS;
  }
}
