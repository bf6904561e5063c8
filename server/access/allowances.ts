/**
 * Token buckets limit how much is done in a time, and a table says what everything costs an address. The
 * clock is a parameter, and must never go backwards.
 *
 * @module
 */
import { COMMANDS, keepingFields } from "../protocol/commands.ts";
import { isRecord } from "../protocol/rules.ts";

/** Milliseconds that only ever grow, such as `performance.now()`. */
export type Clock = () => number;

/**
 * What things cost the address that they come from, in units of `--address-rate`.
 *
 * The defaults are for an office of 200 people behind one address, in three rooms each. When a server
 * restarts they all come back within 10 s, or within 3 s if it crashed: 200 × (connection 5 + hello 5
 * + 3 × join 3) = 3,800 units, of 3,000 at once and 300 a second.
 *
 * Not charged: static files, `/healthz`, `/readyz`, the published schemas, preflights and paths that do not
 * exist. They are answered from memory, so a refusal would cost as much as the answer, and a page that
 * was refused one of its files would stay broken.
 */
export const COSTS = {
  /** A command that is not stored: `typing`, `read`, `pong`, and `custom` unless it is durable or retained. */
  signal: 0.1,
  /** Any other command, and a message that is posted. */
  command: 1,
  /** Each KiB of a command or a body, in addition; in proportion, so half a KiB is half of it. */
  kib: 1,
  /**
   * A join is answered with the recent messages from the log, as a page is. At the price of a page, an
   * office could not come back after a crash. At the price of a command, one address could have
   * `--recent-messages` read to it hundreds of times a second.
   */
  join: 3,
  hello: 5,
  /** A WebSocket, with the join of a plain client. */
  connection: 5,
  /** An event stream, with its hello and its join. */
  stream: 5,
  /** A page of history, or a list of rooms or members. */
  page: 5,
} as const;

interface CommandPrice {
  readonly cost: number;
  /** The fields that, if true, have the command kept: it then costs `command`. */
  readonly flags: readonly string[];
}

const COMMAND_PRICES: ReadonlyMap<unknown, CommandPrice> = new Map(
  Object.entries(COMMANDS).map(([type, row]) => [
    type,
    { cost: COSTS[row.cost], flags: keepingFields(row) },
  ]),
);

/** Says what a command costs besides its length. It is asked before the command is parsed. */
export function costOf(command: unknown): number {
  if (!isRecord(command)) return COSTS.command;
  const price = COMMAND_PRICES.get(command.type);
  if (price === undefined) return COSTS.command;
  return price.flags.some((flag) => command[flag] === true) ? COSTS.command : price.cost;
}

/** How much is let through; 0 for either is no limit. */
export interface Limit {
  /** Tokens a second. */
  readonly rate: number;
  /** Tokens at once. */
  readonly burst: number;
}

/** A token bucket lets `burst` through at once and `rate` a second after that. */
export class TokenBucket {
  /** Tokens a second. */
  readonly #rate: number;
  /** Tokens at once; 0 is no limit. */
  readonly #burst: number;
  readonly #now: Clock;
  #tokens: number;
  #filledAt: number;

  constructor(rate: number, burst: number, now: Clock) {
    this.#rate = rate;
    this.#burst = rate === 0 ? 0 : burst;
    this.#now = now;
    this.#tokens = burst;
    this.#filledAt = this.#burst === 0 ? 0 : now();
  }

  /**
   * Takes `cost` tokens, or none if there are too few.
   *
   * @returns 0, or the milliseconds until there are enough.
   */
  take(cost = 1): number {
    if (this.#burst === 0) return 0;
    this.#fill();
    const capped = this.#cap(cost);
    if (this.#tokens < capped) return (capped - this.#tokens) / this.#rate * 1000;
    this.#tokens -= capped;
    return 0;
  }

  /** Gives back tokens that were taken. */
  giveBack(cost: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#cap(cost));
  }

  /** Lowers this bucket to what the other one holds, if that is less. */
  lowerTo(other: TokenBucket): void {
    this.#fill();
    other.#fill();
    this.#tokens = Math.min(this.#tokens, other.#tokens);
  }

  /** Limits a cost to a full bucket, so that what costs more can be paid at all. */
  #cap(cost: number): number {
    return Math.min(cost, this.#burst);
  }

  #fill(): void {
    const now = this.#now();
    const gained = (now - this.#filledAt) * this.#rate / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#filledAt = now;
  }
}

/** Token buckets by key. Their number is bounded: the one that was not used for longest is forgotten. */
export class TokenBuckets {
  readonly #limit: Limit;
  readonly #now: Clock;
  readonly #max: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: number, burst: number, now: Clock, max = 10_000) {
    this.#limit = { rate, burst };
    this.#now = now;
    this.#max = max;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /**
   * {@linkcode TokenBucket.take} from the bucket of that key.
   *
   * @param limit the one of this key, if it has another than the other keys. It must always be the same.
   */
  take(key: string, cost = 1, limit = this.#limit): number {
    if (limit.rate === 0 || limit.burst === 0) return 0;
    return this.#bucketOf(key, limit).take(cost);
  }

  /** Goes on under another key, with no more than is left under the previous one. */
  inherit(key: string, previous: string, limit = this.#limit): void {
    const bucket = this.#buckets.get(previous);
    if (bucket !== undefined) this.#bucketOf(key, limit).lowerTo(bucket);
  }

  #bucketOf(key: string, { rate, burst }: Limit): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, burst, this.#now);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#max) {
      const [oldest = ""] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    return bucket;
  }
}
