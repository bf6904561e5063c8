/**
 * Looks after connections with something still queued: those that drain are fed again, those that
 * take nothing at all for too long are dropped. The runtime tells neither: it has no drain event,
 * and its idle timeout does not fire while a write is blocked. One timer, and only while needed.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import { CLOSE, type CloseCode } from "../protocol/tables.ts";

/** What is watched. */
export interface Drainable {
  readonly queuedBytes: number;
  unblock(): void;
  close(code: CloseCode): void;
}

/**
 * How often what is queued is looked at. Between two looks a reader takes at most what lies between
 * the marks: at the defaults 40 MB a second, more than a busy room brings.
 */
const EVERY_MS = 5;
/**
 * The most that counts as time between two looks: after a longer one it was we who were stopped, and
 * what the peers have taken meanwhile is not known yet.
 */
const LOOK_MS = 1000;

export class DrainMonitor {
  readonly #lowWaterBytes: number;
  readonly #stallMs: number;
  readonly #now: Clock;
  readonly #watched = new Map<Drainable, { queued: number; stalledMs: number }>();
  #lookedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: { lowWaterBytes: number; stallSeconds: number }, now: Clock) {
    this.#lowWaterBytes = options.lowWaterBytes;
    this.#stallMs = options.stallSeconds * 1000;
    this.#now = now;
  }

  get size(): number {
    return this.#watched.size;
  }

  add(connection: Drainable): void {
    if (this.#watched.has(connection)) return;
    this.#watched.set(connection, { queued: connection.queuedBytes, stalledMs: 0 });
    if (this.#timer !== undefined) return;
    this.#lookedAt = this.#now();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
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

  #look(): void {
    const now = this.#now();
    const passedMs = Math.min(now - this.#lookedAt, LOOK_MS);
    this.#lookedAt = now;
    for (const [connection, seen] of this.#watched) {
      const queued = connection.queuedBytes;
      if (queued <= this.#lowWaterBytes) connection.unblock();
      if (queued === 0) {
        this.delete(connection);
        continue;
      }
      seen.stalledMs = queued < seen.queued ? 0 : seen.stalledMs + passedMs;
      seen.queued = queued;
      if (seen.stalledMs > this.#stallMs) connection.close(CLOSE.tooSlow);
    }
  }
}
