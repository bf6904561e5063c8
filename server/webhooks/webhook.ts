/**
 * A webhook posts every message to a receiver, in the order in which messages were stored, and at least
 * once. It is a reader of the log like any other: it keeps its place in the store and reads one excerpt
 * at a time. So a receiver that is away costs neither memory nor speed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Excerpt, Journal, Place } from "../broker/journal.ts";
import { settleWithin } from "../deadline.ts";
import { type Facts, type Log, reason, requestReason } from "../log.ts";
import { Metrics } from "../metrics.ts";
import { webhookBody } from "../protocol/encode.ts";
import { systemClock, type WebhookClock } from "./clock.ts";
import { askedDelay, retryDelay } from "./retry_delay.ts";
import { signedHeaders } from "./signature.ts";

export interface WebhookOptions {
  readonly url: string;
  /** What requests are signed with: at least one key. */
  readonly keys: readonly Uint8Array[];
  readonly journal: Journal;
  readonly log: Log;
  /** @default {new Metrics()} */
  readonly metrics?: Metrics;
  /** @default {systemClock} */
  readonly clock?: WebhookClock;
  /** @default {Math.random} */
  readonly random?: () => number;
}

/**
 * How long more messages are awaited before a request, unless it is full already. Without it, a busy
 * room and a quick receiver would make a request, and a synced write, of every tick.
 */
const GATHER_MS = 100;
/** How long a receiver may take to answer. */
const DEADLINE_MS = 15_000;
/** How long a stop waits for the request in flight. */
const STOP_MS = 1000;
/** Gone: the receiver wants no more (RFC 9110 §15.5.11). */
const GONE = 410;

/** What became of a request. */
type Outcome =
  | { readonly isTaken: true }
  /** `asked` are the milliseconds that the receiver wants to be left alone for. */
  | { readonly isTaken: false; readonly why: Facts; readonly asked: number };

/** Starts a webhook, unless its keys or a journal are missing. */
export function startWebhook(
  url: string,
  journal: Journal | undefined,
  keys: readonly Uint8Array[] | undefined,
  log: Log,
  metrics: Metrics,
): Webhook | undefined {
  return keys && journal && new Webhook({ url, keys, journal, log, metrics });
}

export class Webhook {
  readonly #url: string;
  readonly #keys: readonly Uint8Array[];
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #clock: WebhookClock;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  /** Aborted when a stop does not wait any longer. */
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  /** Whether there may be messages that were not read. */
  #hasNews = true;
  #wake: (() => void) | undefined;
  /** How many requests have failed in a row, and since when. */
  #failures = 0;
  #failingSince = 0;
  /** Where a request that failed ended. It is repeated with the same messages. */
  #retried: Place | undefined;
  #isGone = false;

  /** Begins to post what the receiver has not taken yet. */
  constructor(
    { url, keys, journal, log, metrics = new Metrics(), ...rest }: WebhookOptions,
  ) {
    const { clock = systemClock, random = Math.random } = rest;
    this.#url = url;
    this.#keys = keys;
    this.#journal = journal;
    this.#log = log;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#random = random;
    journal.listen(() => {
      this.#hasNews = true;
      this.#wake?.();
    });
    this.#running = this.#run();
  }

  /** The age of the oldest message that the receiver has not taken, in seconds; 0 if it has all. */
  get lagSeconds(): number {
    const since = this.#journal.waitingSince();
    return since === undefined ? 0 : Math.max(0, this.#clock.now() - since) / 1000;
  }

  /** Begins no more requests, and waits shortly for the one in flight. Call it before the store is closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await settleWithin(STOP_MS, this.#running);
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted && !this.#isGone) {
      if (!this.#hasNews) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        await this.#gather();
        continue;
      }
      try {
        await this.#postNext();
      } catch (thrown) {
        await this.#fail({ reason: reason(thrown) }, 0); // the store is away
      }
    }
  }

  /** Posts the next excerpt, if there is one, and waits if that fails. */
  async #postNext(): Promise<void> {
    this.#hasNews = false;
    const again = this.#retried && await this.#journal.read(this.#retried);
    const excerpt = again ?? await this.#journal.read(); // what was to be repeated may be pruned
    if (excerpt === undefined) return this.#succeed();
    const outcome = await this.#post(excerpt);
    this.#metrics.webhookRequests[outcome.isTaken ? "taken" : "failed"]++;
    if (!outcome.isTaken) {
      this.#retried = excerpt.upTo;
      return await this.#fail(outcome.why, outcome.asked);
    }
    if (excerpt.hasMore || this.#retried !== undefined) this.#hasNews = true;
    this.#retried = undefined;
    if (excerpt.gaps > 0) this.#log.warn("webhook gap", { gaps: excerpt.gaps });
    await this.#journal.take(excerpt.upTo);
    this.#succeed();
    if (!excerpt.hasMore) await this.#gather();
  }

  #gather(): Promise<void> {
    return this.#clock.sleep(GATHER_MS, this.#stopping.signal);
  }

  #succeed(): void {
    if (this.#failures === 0) return;
    const awayMs = this.#clock.now() - this.#failingSince;
    this.#log.info("webhook back", { failures: this.#failures, awayMs });
    this.#failures = 0;
  }

  async #fail(why: Facts, asked: number): Promise<void> {
    this.#hasNews = true;
    if (this.#stopping.signal.aborted || this.#isGone) return;
    if (this.#failures++ === 0) this.#failingSince = this.#clock.now();
    const waitMs = Math.max(asked, retryDelay(this.#failures, this.#random()));
    this.#log.warn("webhook failed", { ...why, failures: this.#failures, waitMs });
    await this.#clock.sleep(waitMs, this.#stopping.signal);
  }

  async #post({ records, upTo }: Excerpt): Promise<Outcome> {
    const body = webhookBody(upTo.at, records);
    // The same messages have the same id, also after a restart.
    const id = createHash("sha256").update(body).digest("base64url");
    const answered = new AbortController();
    const late = new AbortController();
    void this.#clock.sleep(DEADLINE_MS, answered.signal).then(() => late.abort());
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          ...signedHeaders(this.#keys, id, this.#clock.now(), body),
        },
        redirect: "manual",
        signal: AbortSignal.any([late.signal, this.#ending.signal]),
      });
      await response.body?.cancel();
      return this.#judge(response);
    } catch (thrown) {
      const why = late.signal.aborted ? `no answer within ${DEADLINE_MS} ms` : causeOf(thrown);
      return { isTaken: false, why: { reason: why }, asked: 0 };
    } finally {
      answered.abort();
    }
  }

  #judge({ ok, status, headers }: Response): Outcome {
    if (ok) return { isTaken: true };
    if (status === GONE) {
      this.#isGone = true;
      this.#log.error("webhook gone", { status });
    }
    const asked = askedDelay(headers.get("retry-after"), this.#clock.now());
    return { isTaken: false, why: { status }, asked };
  }
}

/** Says why a request failed. */
function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return requestReason(cause);
}
