/**
 * A `Source` is where a connection or a request comes from, and is asked before anything is done for
 * it. Guests are free to make, so limits on each user bind nobody: what one address may use is counted
 * here, over all doors, whoever it says it is.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Address } from "./address.ts";
import { type Clock, COSTS, TokenBucket } from "./allowances.ts";

/** What a group of addresses uses now. */
export class Usage {
  /** The group in CIDR notation, or the address itself. */
  readonly key: string;
  readonly times: number;
  readonly bucket: TokenBucket;
  connections = 0;
  /** Rooms that it opened and that still have members. */
  rooms = 0;

  constructor(key: string, times: number, bucket: TokenBucket) {
    this.key = key;
    this.times = times;
    this.bucket = bucket;
  }
}

/** How many groups that use nothing now are remembered, for what they have spent. */
const MAX_GROUPS = 65_536;
/**
 * A refused client is told to wait so much longer than its own command needs, each another time. All
 * clients of a busy address would else come back in the same moment, and be refused again.
 */
const SPREAD_MS = [2000, 4000] as const;

/** The limits that an address can reach, by the options that set them. */
export type AddressLimit = "--address-rate" | "--max-connections-per-address" | "--max-rooms";

/** What a refusal by each limit is about, so that a client can tell them apart. */
const FIELDS: { readonly [L in AddressLimit]: { readonly field?: string } } = {
  "--address-rate": {},
  "--max-connections-per-address": { field: "address" },
  "--max-rooms": { field: "room" },
};

/** One node's view of all addresses: each has the limits to itself on every node. */
export class Sources {
  readonly #options: Pick<Options, "addressRate" | "addressBurst" | "trustProxies">;
  readonly #log: Log;
  readonly #now: Clock;
  readonly #groups = new Map<string, Usage>();
  #hasWarned = false;

  constructor(
    options: Pick<Options, "addressRate" | "addressBurst" | "trustProxies">,
    log: Log,
    now: Clock,
  ) {
    this.#options = options;
    this.#log = log;
    this.#now = now;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** @param unbelieved the header that named another address and was not believed, if there was one. */
  of(address: Address, unbelieved?: string): Source {
    const usages = address.groups.map(({ key, times }) => this.#usageOf(key, times));
    const { addressRate, addressBurst, trustProxies } = this.#options;
    if (unbelieved !== undefined && !this.#hasWarned) {
      this.#hasWarned = true;
      const facts = { header: unbelieved, address: address.text, trustProxies };
      this.#log.warn("forwarded header not believed; see --trust-proxies", facts);
    }
    const isLimited = addressRate > 0 && addressBurst > 0;
    return new Source(address, usages, isLimited, unbelieved, this.#log);
  }

  #usageOf(key: string, times: number): Usage {
    const { addressRate, addressBurst } = this.#options;
    const known = this.#groups.get(key);
    const usage = known ??
      new Usage(key, times, new TokenBucket(addressRate * times, addressBurst * times, this.#now));
    this.#groups.delete(key);
    this.#groups.set(key, usage);
    if (known === undefined && this.#groups.size > MAX_GROUPS) this.#forgetOne();
    return usage;
  }

  /** Forgets the group that has been away longest, if there is one that is not in use. */
  #forgetOne(): void {
    for (const [key, usage] of this.#groups) {
      if (usage.connections > 0 || usage.rooms > 0) continue;
      this.#groups.delete(key);
      return;
    }
  }
}

export class Source {
  readonly address: string;
  /** What its limits are counted by: the address, or the network of an IPv6 address. */
  readonly group: string;
  readonly usages: readonly Usage[];
  readonly #isLimited: boolean;
  readonly #unbelieved: string | undefined;
  readonly #log: Log;

  constructor(
    { text, groups }: Address,
    usages: readonly Usage[],
    isLimited: boolean,
    unbelieved: string | undefined,
    log: Log,
  ) {
    this.address = text;
    this.group = groups[0]?.key ?? text;
    this.usages = usages;
    this.#isLimited = isLimited;
    this.#unbelieved = unbelieved;
    this.#log = log;
  }

  /**
   * Takes units of the address's allowance. Call it before the work that they pay for.
   *
   * @throws {Refusal} `rate_limited`; then nothing was taken.
   */
  spend(units: number): void {
    if (!this.#isLimited) return;
    for (const usage of this.usages) {
      const wait = usage.bucket.take(units);
      if (wait === 0) continue;
      for (const taken of this.usages) {
        if (taken === usage) break;
        taken.bucket.giveBack(units);
      }
      throw this.refusal("rate_limited", usage, "--address-rate", "asks for too much", wait);
    }
  }

  /** What text costs for its length, in units. */
  costOfText(text: string): number {
    return this.#isLimited ? COSTS.kib * utf8Length(text) / 1024 : 0;
  }

  /** A refusal because of a limit on the address, which says so to the client and to the log. */
  refusal(
    code: "rate_limited" | "too_many_rooms",
    { key }: Usage,
    limit: AddressLimit,
    what: string,
    waitMs: number,
  ): Refusal {
    this.#log.warn("address refused", { address: key, limit });
    const [least, most] = SPREAD_MS;
    return new Refusal(code, `The address ${key} ${what} (${limit}).${this.#hint}`, {
      ...FIELDS[limit],
      retryAfterMs: Math.ceil(waitMs + least + Math.random() * (most - least)),
    });
  }

  /** Whoever runs a proxy in front must be told why all its clients are taken for one address. */
  get #hint(): string {
    if (this.#unbelieved === undefined) return "";
    return ` The header ${this.#unbelieved} was not believed; see --trust-proxies.`;
  }
}

/** The bytes of text in UTF-8, without encoding it. Each half of a pair is two of the pair's four. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 1 : 2;
  }
  return bytes;
}
