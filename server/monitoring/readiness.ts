/**
 * `Readiness` says whether the server should get new clients: whether it can store, and is not about to
 * stop. Whoever asks has the store probed, so a store that fails is noticed even when nobody writes.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import { STORE_TROUBLES, type StoreHealth, type StoreTrouble } from "../broker/store_health.ts";
import { settleWithin } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/** The reasons why a server is not ready, and what each means in a sentence. */
export const TROUBLES = {
  draining: "The server is about to stop.",
  stopping: "The server is stopping.",
  ...STORE_TROUBLES,
} as const;

/** One of {@linkcode TROUBLES}. */
export type Trouble = keyof typeof TROUBLES;

/** What was found holds for this long, however many ask. */
const KEEP_MS = 1000;
/** A store that has not answered in this time is stuck. Redis has a shorter deadline of its own. */
const MAX_PROBE_MS = 3000;

export class Readiness {
  readonly #store: StoreHealth;
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #now: Clock;
  readonly #maxProbeMs: number;
  #ending: "draining" | "stopping" | undefined;
  #found: StoreTrouble | undefined;
  #foundAt = -Infinity;
  /** How many commits had failed by then. */
  #failedCommits = 0;
  #probing: Promise<void> | undefined;
  /** Whether a probe is late. Until its answer comes there is no other. */
  #isStuck = false;

  constructor(
    store: StoreHealth,
    metrics: Metrics,
    log: Log,
    now: Clock,
    maxProbeMs: number = MAX_PROBE_MS,
  ) {
    this.#store = store;
    this.#metrics = metrics;
    this.#log = log;
    this.#now = now;
    this.#maxProbeMs = maxProbeMs;
  }

  /** What was wrong when somebody asked last. */
  get last(): Trouble | undefined {
    return this.#ending ?? this.#found;
  }

  /** Says from now on that the server is about to stop, or is stopping. */
  end(how: "draining" | "stopping"): void {
    if (this.#ending !== "stopping") this.#ending = how;
  }

  /** Finds out what is wrong; `undefined` if nothing is. Never rejects. */
  async trouble(): Promise<Trouble | undefined> {
    if (this.#ending === undefined && !this.#isKnown()) {
      await (this.#probing ??= this.#probe().finally(() => this.#probing = undefined));
    }
    return this.last;
  }

  /** Whether what was found last still holds. A commit tells as much as a probe. */
  #isKnown(): boolean {
    if (this.#isStuck) return true;
    const { failedCommits, committedAt } = this.#metrics;
    if (failedCommits !== this.#failedCommits) return false;
    const now = this.#now();
    if (this.#found === undefined && committedAt > this.#foundAt) this.#foundAt = committedAt;
    return now - this.#foundAt < KEEP_MS;
  }

  /** Probes the store, and waits for its answer, but not for ever: then nobody would hear what is wrong. */
  async #probe(): Promise<void> {
    this.#failedCommits = this.#metrics.failedCommits;
    let isAnswered = false;
    const answered = this.#store.probe().then((found) => {
      isAnswered = true;
      this.#isStuck = false;
      this.#find(found);
    });
    await settleWithin(this.#maxProbeMs, answered);
    if (isAnswered) return;
    this.#isStuck = true;
    this.#find("store_stuck");
  }

  #find(found: StoreTrouble | undefined): void {
    this.#foundAt = this.#now();
    if (found === this.#found) return;
    this.#found = found;
    if (found === undefined) this.#log.info("ready again");
    else this.#log.warn("not ready", { reason: found });
  }
}
