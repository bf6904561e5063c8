/**
 * The `ping` event of all connections, from one timer. They are dealt out over the slots of a wheel,
 * so that thousands are never written to in one turn.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { encode } from "../protocol/encode.ts";

/** What is pinged. */
export interface Pinged {
  /** Kept here for the heartbeat, which it tells where to look. */
  slot: number;
  ping(frame: Batch): void;
}

const SLOTS = 100;

export class Heartbeat {
  readonly #slots: readonly Set<Pinged>[] = Array.from({ length: SLOTS }, () => new Set<Pinged>());
  readonly #timer: ReturnType<typeof setInterval>;
  #next = 0;
  #turn = 0;

  constructor(seconds: number) {
    this.#timer = setInterval(() => this.#beat(), seconds * 1000 / SLOTS);
  }

  add(connection: Pinged): void {
    // Behind the hand of the wheel, each one a slot further: first pinged after half a round to a whole.
    this.#next = (this.#next + 1) % (SLOTS / 2);
    connection.slot = (this.#turn - this.#next + SLOTS) % SLOTS;
    this.#slots[connection.slot]?.add(connection);
  }

  delete(connection: Pinged): void {
    this.#slots[connection.slot]?.delete(connection);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    this.#turn = (this.#turn + 1) % SLOTS;
    const slot = this.#slots[this.#turn];
    if (slot === undefined || slot.size === 0) return;
    const frame = Batch.of(encode({ type: "ping", at: Date.now() }));
    for (const connection of slot) connection.ping(frame);
  }
}
