/**
 * How much is too much: token buckets for what comes in time, counters for what is there at once.
 * It knows no commands and no sockets; the clock is handed in, and must never go backwards.
 *
 * @module
 */

/** Milliseconds that only ever grow, such as `performance.now()`. */
export type Clock = () => number;

/** Lets `burst` through at once and `rate` a second after that. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: Clock;
  #tokens: number;
  #filledAt: number;

  /** @param rate tokens a second; 0 for either is no limit. */
  constructor(rate: number, burst: number, now: Clock) {
    this.#rate = rate;
    this.#burst = rate === 0 ? 0 : burst;
    this.#now = now;
    this.#tokens = burst;
    this.#filledAt = this.#burst === 0 ? 0 : now();
  }

  /** Takes `cost` tokens and answers 0; or takes none and answers the milliseconds until it could. */
  take(cost = 1): number {
    if (this.#burst === 0) return 0;
    const now = this.#now();
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + (now - this.#filledAt) * this.#rate / 1000,
    );
    this.#filledAt = now;
    if (this.#tokens < cost) return (cost - this.#tokens) / this.#rate * 1000;
    this.#tokens -= cost;
    return 0;
  }
}

/** A bucket for each of many who come and go. Bounded: who has been away longest is forgotten first. */
export class TokenBuckets {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: Clock;
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param most buckets held at once. */
  constructor(rate: number, burst: number, now: Clock, most = 10_000) {
    this.#rate = rate;
    this.#burst = burst;
    this.#now = now;
    this.#most = most;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** {@linkcode TokenBucket.take} from the bucket of that key. */
  take(key: string, cost = 1): number {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, this.#burst, this.#now);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#most) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket.take(cost);
  }
}

/** Counts the connections that are there, at all and from each address. */
export class Census {
  readonly #most: number;
  readonly #mostPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  /** @param most 0 is no limit, for either. */
  constructor(most: number, mostPerAddress: number) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  get size(): number {
    return this.#count;
  }

  /** Whether one more would be too many, and of which kind. */
  objection(address: string): "full" | "address" | undefined {
    if (this.#most > 0 && this.#count >= this.#most) return "full";
    const here = this.#perAddress.get(address) ?? 0;
    return this.#mostPerAddress > 0 && here >= this.#mostPerAddress ? "address" : undefined;
  }

  enter(address: string): void {
    this.#count++;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  leave(address: string): void {
    this.#count--;
    const here = (this.#perAddress.get(address) ?? 0) - 1;
    if (here > 0) this.#perAddress.set(address, here);
    else this.#perAddress.delete(address);
  }
}
