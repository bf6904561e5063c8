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
    this.#fill();
    if (this.#tokens < cost) return (cost - this.#tokens) / this.#rate * 1000;
    this.#tokens -= cost;
    return 0;
  }

  /** Takes `cost` tokens, though they be a debt: they were spent elsewhere. */
  charge(cost: number): void {
    this.#fill();
    this.#tokens -= cost;
  }

  /** Holds no more than the other does. */
  follow(other: TokenBucket): void {
    this.#fill();
    other.#fill();
    this.#tokens = Math.min(this.#tokens, other.#tokens);
  }

  #fill(): void {
    const now = this.#now();
    const gained = (now - this.#filledAt) * this.#rate / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#filledAt = now;
  }
}

/** What was taken from the bucket of a key. */
export type Spent = readonly [key: string, tokens: number];

/** How many buckets are held at once, and whether other nodes hold some of the same keys. */
export interface Extent {
  readonly most?: number;
  readonly isShared?: boolean;
}

/**
 * A bucket for each of many who come and go. Bounded: who has been away longest is forgotten first.
 *
 * Shared, every node tells the others once a second what was spent there, and they charge it to the
 * same key. So in any time t a key spends at most rate · t + burst on all nodes together, and what the
 * others had not heard of yet: for each further node at most a burst and a second's rate. That is
 * charged too, as a debt, so who used it waits for as long as it was too much. While Redis is away, or
 * loses what is told, the nodes limit each by itself.
 */
export class TokenBuckets {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: Clock;
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();
  /** What the others were not told yet; only if there are others. */
  #spent: Map<string, number> | undefined;

  constructor(
    rate: number,
    burst: number,
    now: Clock,
    { most = 10_000, isShared = false }: Extent = {},
  ) {
    this.#rate = rate;
    this.#burst = rate === 0 ? 0 : burst;
    this.#now = now;
    this.#most = most;
    if (isShared) this.#spent = new Map();
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** {@linkcode TokenBucket.take} from the bucket of that key. */
  take(key: string, cost = 1): number {
    if (this.#burst === 0) return 0;
    const wait = this.#of(key).take(cost);
    if (wait === 0) this.#spent?.set(key, (this.#spent.get(key) ?? 0) + cost);
    return wait;
  }

  /** Whoever went by that other key goes on under this one, and has no more for it. */
  follow(key: string, other: string): void {
    if (this.#burst > 0) this.#of(key).follow(this.#of(other));
  }

  /** All that was taken since this was last asked. */
  spent(): Spent[] {
    if (this.#spent === undefined || this.#spent.size === 0) return [];
    const spent = [...this.#spent];
    this.#spent = new Map();
    return spent;
  }

  /** This was taken on another node. */
  charge(spent: readonly Spent[]): void {
    if (this.#burst === 0) return;
    for (const [key, tokens] of spent) this.#of(key).charge(tokens);
  }

  #of(key: string): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, this.#burst, this.#now);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#most) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
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
