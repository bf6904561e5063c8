/**
 * The `Heartbeat` sends the `ping` event to all connections, from one timer. The connections are dealt
 * out over 100 slots, and each beat serves one slot, so that thousands are never written to in one turn.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { encode } from "../protocol/encode.ts";
import type { Connection } from "./connection.ts";

const SLOTS = 100;

export class Heartbeat {
  readonly #slots = Array.from({ length: SLOTS }, () => new Set<Connection>());
  readonly #timer: ReturnType<typeof setInterval>;
  #distance = 0;
  #current = 0;

  /** @param seconds between two pings of one connection. */
  constructor(seconds: number) {
    this.#timer = setInterval(() => this.#beat(), seconds * 1000 / SLOTS);
  }

  add(connection: Connection): void {
    // Each one goes a slot further behind the current one. The first ping comes after half a round to a
    // whole.
    this.#distance = (this.#distance + 1) % (SLOTS / 2);
    connection.heartbeatSlot = (this.#current - this.#distance + SLOTS) % SLOTS;
    this.#slots[connection.heartbeatSlot]?.add(connection);
  }

  delete(connection: Connection): void {
    this.#slots[connection.heartbeatSlot]?.delete(connection);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    this.#current = (this.#current + 1) % SLOTS;
    const slot = this.#slots[this.#current];
    if (slot === undefined || slot.size === 0) return;
    const batch = Batch.of(encode({ type: "ping", at: Date.now() }));
    for (const connection of slot) connection.ping(batch);
  }
}
