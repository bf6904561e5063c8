/**
 * A `Source` is the address that a connection or a request comes from, and counts what that address
 * uses. It is asked before anything is done. Anybody can be a new guest at any time, so limits on each
 * user alone bind nobody; the limits on an address hold for all of its users and all ways in.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Options } from "../options.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { LimitName } from "../protocol/tables.ts";
import { type Address, LOCAL } from "./address.ts";
import { type Clock, COSTS, TokenBucket } from "./allowances.ts";

/** What one group of addresses uses now. */
export interface Usage {
  /** The group in CIDR notation, or the address itself. */
  readonly key: string;
  /** The limits of the group are so many times those of a single address. */
  readonly times: number;
  readonly bucket: TokenBucket;
  /** How many commands of it may still be refused. */
  readonly refusals: TokenBucket;
  connections: number;
  /** The rooms that it opened and that still have members. */
  rooms: number;
}

/** How many groups are remembered. Those that use something now are never forgotten. */
const MAX_GROUPS = 65_536;
/**
 * How many commands of an address may be refused a second, and at once. A refusal costs about as much
 * work as a command, so refusals are bounded too. An office that comes back from sleep meets hundreds.
 */
const REFUSALS = { rate: 100, burst: 2000 };
/**
 * A refused client is told to wait longer than necessary, by a random time between these two. Otherwise
 * all clients of a busy address would come back in the same moment, and be refused again.
 */
const MIN_SPREAD_MS = 2000;
const MAX_SPREAD_MS = 4000;

type SourceOptions = Pick<Options, "addressRate" | "addressBurst" | "trustProxies">;

/** The limits that an address can reach, by the options that set them. */
export type AddressLimit = "--address-rate" | "--max-connections-per-address" | "--max-rooms";

/** The code and the details of a refusal by each limit. By its `field` a client can tell the limits apart. */
const DETAILS: {
  readonly [L in AddressLimit]: {
    readonly code: "rate_limited" | "too_many_rooms";
    readonly field?: string;
    readonly limit: LimitName;
  };
} = {
  "--address-rate": { code: "rate_limited", limit: "address_rate" },
  "--max-connections-per-address": {
    code: "rate_limited",
    field: "address",
    limit: "max_connections_per_address",
  },
  "--max-rooms": { code: "too_many_rooms", field: "room", limit: "max_rooms" },
};

/** All sources of one node. Each node has limits of its own. */
export class Sources {
  readonly #options: SourceOptions;
  readonly #log: Log;
  readonly #now: Clock;
  readonly #groups = new Map<string, Usage>();
  #hasWarned = false;

  constructor(options: SourceOptions, log: Log, now: Clock) {
    this.#options = options;
    this.#log = log;
    this.#now = now;
  }

  get size(): number {
    return this.#groups.size;
  }

  /**
   * Returns the source for an address.
   *
   * @param unbelieved the header that named another address and was not believed, if there was one.
   */
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
    const bucketOf = (rate: number, burst: number) =>
      new TokenBucket(rate * times, burst * times, this.#now);
    const usage = known ?? {
      key,
      times,
      bucket: bucketOf(addressRate, addressBurst),
      refusals: bucketOf(REFUSALS.rate, REFUSALS.burst),
      connections: 0,
      rooms: 0,
    };
    this.#groups.delete(key);
    this.#groups.set(key, usage);
    if (known === undefined && this.#groups.size > MAX_GROUPS) this.#forgetOne();
    return usage;
  }

  /** Forgets the group that was not used for longest, if there is one that uses nothing now. */
  #forgetOne(): void {
    for (const [key, usage] of this.#groups) {
      if (usage.connections > 0 || usage.rooms > 0) continue;
      this.#groups.delete(key);
      return;
    }
  }
}

export class Source {
  readonly #address: Address;
  /** What its limits are counted by: the address, or the network of an IPv6 address. */
  readonly group: string;
  readonly usages: readonly Usage[];
  /** Whether all clients seem to come from it: a proxy stands in front, and is not believed. */
  readonly isShared: boolean;
  readonly #isLimited: boolean;
  readonly #unbelieved: string | undefined;
  readonly #log: Log;

  constructor(
    address: Address,
    usages: readonly Usage[],
    isLimited: boolean,
    unbelieved: string | undefined,
    log: Log,
  ) {
    this.#address = address;
    this.group = address.groups[0]?.key ?? address.text;
    this.usages = usages;
    this.isShared = unbelieved !== undefined || address.text === LOCAL.text;
    this.#isLimited = isLimited;
    this.#unbelieved = unbelieved;
    this.#log = log;
  }

  get address(): string {
    return this.#address.text;
  }

  /** Returns the same address, but without an allowance: for what the application itself does. */
  withoutLimits(): Source {
    return new Source(this.#address, this.usages, false, this.#unbelieved, this.#log);
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
      throw this.refusal(usage, "--address-rate", "has used up its allowance", wait);
    }
  }

  /** Counts commands that were refused, and says whether too many of this address were. */
  isRefusedTooOften(count: number): boolean {
    return this.#isLimited && this.usages.some(({ refusals }) => refusals.take(count) > 0);
  }

  /** Returns what the length of a text costs, in units. */
  costOfText(text: string): number {
    return this.#isLimited ? COSTS.kib * utf8Length(text) / 1024 : 0;
  }

  /**
   * Makes a refusal because of a limit on the address, and logs it.
   *
   * @param what the rest of a sentence about the address, such as `has 5 rooms open`.
   */
  refusal({ key }: Usage, limit: AddressLimit, what: string, waitMs: number): Refusal {
    this.#log.warn("address refused", { address: key, limit });
    const { code, ...details } = DETAILS[limit];
    return new Refusal(code, `The address ${key} ${what} (${limit}).${this.#hint}`, {
      ...details,
      retryAfterMs: Math.ceil(
        waitMs + MIN_SPREAD_MS + Math.random() * (MAX_SPREAD_MS - MIN_SPREAD_MS),
      ),
    });
  }

  /** Tells someone who runs a proxy in front why all its clients count as one address. */
  get #hint(): string {
    if (this.#unbelieved === undefined) return "";
    return ` The header ${this.#unbelieved} was not believed; see --trust-proxies.`;
  }
}

/** Counts the bytes of text in UTF-8 without encoding it. Each half of a surrogate pair counts two. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 1 : 2;
  }
  return bytes;
}
