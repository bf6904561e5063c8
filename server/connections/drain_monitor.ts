/**
 * The `DrainMonitor` watches connections that have bytes queued. Those that drain are sent more; those
 * that take nothing for too long are closed. The runtime reports neither: it has no drain event, and
 * its idle timeout does not fire while a write is blocked. There is one timer, and only while needed.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";

/** A connection, as far as it is watched. */
export interface Drainable {
  readonly queuedBytes: number;
  unblock(): void;
  close(code: CloseCode): void;
}

/**
 * The time between two checks. In that time a client takes at most what lies between the water marks:
 * at the defaults 40 MB a second, more than a busy room brings.
 */
const CHECK_MS = 5;
/**
 * The longest time that is counted between two checks. If more has passed, this process was stopped
 * meanwhile, and has not yet been told what the peers took.
 */
const MAX_PASSED_MS = 1000;

export class DrainMonitor {
  readonly #lowWaterBytes: number;
  readonly #stallMs: number;
  readonly #now: Clock;
  readonly #watched = new Map<Drainable, { queued: number; stalledMs: number }>();
  #checkedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: { lowWaterBytes: number; stallSeconds: number }, now: Clock) {
    this.#lowWaterBytes = options.lowWaterBytes;
    this.#stallMs = options.stallSeconds * 1000;
    this.#now = now;
  }

  /** The number of connections that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** The bytes that were queued for them at the last check. */
  get queuedBytes(): number {
    return [...this.#watched.values()].reduce((sum, { queued }) => sum + queued, 0);
  }

  add(connection: Drainable): void {
    if (this.#watched.has(connection)) return;
    this.#watched.set(connection, { queued: connection.queuedBytes, stalledMs: 0 });
    if (this.#timer !== undefined) return;
    this.#checkedAt = this.#now();
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
  }

  delete(connection: Drainable): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }

  #check(): void {
    const now = this.#now();
    const passedMs = Math.min(now - this.#checkedAt, MAX_PASSED_MS);
    this.#checkedAt = now;
    const drained: Drainable[] = [];
    for (const [connection, state] of this.#watched) {
      const queued = connection.queuedBytes;
      if (queued <= this.#lowWaterBytes) drained.push(connection);
      if (queued === 0) {
        this.delete(connection);
        continue;
      }
      state.stalledMs = queued < state.queued ? 0 : state.stalledMs + passedMs;
      state.queued = queued;
      if (state.stalledMs > this.#stallMs) connection.close(CLOSE.tooSlow);
    }
    // What is sent now may block a connection again, and it must then be watched again.
    for (const connection of drained) connection.unblock();
  }
}
