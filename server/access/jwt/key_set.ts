/**
 * `KeySet` keeps the public keys of a JWK Set (RFC 7517 §5). It reads the set again when it is old, and
 * when a token names a key that it does not hold.
 *
 * Whoever can connect can send tokens that name keys which nobody has. So unknown keys are searched for at
 * most once in COOLDOWN_MS, and a token of a known key does not wait for that.
 *
 * @module
 */
import { type Log, requestReason } from "../../log.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Clock } from "../allowances.ts";
import {
  type Jose,
  keysOf,
  type KeySource,
  type TokenHeader,
  unauthorized,
  type VerificationKey,
} from "./keys.ts";

/** A set that is older than this is read again at the next token. Meanwhile its keys still count. */
const REFRESH_MS = 5 * 60_000;
/**
 * The keys of a set that is older than this do not count. So a key that was taken out of the set is good
 * for no longer, even where the set cannot be read any more.
 */
const MAX_AGE_MS = 15 * 60_000;
/** The pause between two searches for unknown keys. */
const COOLDOWN_MS = 10_000;
/** The pause after the set could not be read. */
const RETRY_MS = 5_000;

/** What a {@linkcode KeySet} is made with. */
export interface KeySetOptions {
  readonly jose: Jose;
  readonly log: Log;
  /** Reads the set, or throws. It must have a deadline. */
  readonly read: () => Promise<unknown>;
  readonly now: Clock;
}

/** A set of keys, which stays up to date. */
export class KeySet implements KeySource {
  readonly #jose: Jose;
  readonly #log: Log;
  readonly #read: () => Promise<unknown>;
  readonly #now: Clock;
  #keys: readonly VerificationKey[] = [];
  #readAt = -Infinity;
  /** No unknown key is searched for before. */
  #searchAt = -Infinity;
  /** Set after the set could not be read: it is not read again before. */
  #retryAt: number | undefined;
  #reading: Promise<void> | undefined;

  constructor({ jose, log, read, now }: KeySetOptions) {
    this.#jose = jose;
    this.#log = log;
    this.#read = read;
    this.#now = now;
  }

  /**
   * Reads the set.
   *
   * @throws {Error} if that fails, or the set has no key that can be used.
   */
  async load(): Promise<void> {
    const keys = await keysOf(this.#jose, await this.#read());
    if (keys.length === 0) throw new Error("There is no public key for RS256, ES256 or EdDSA.");
    this.#keys = keys;
    this.#readAt = this.#now();
  }

  async keyFor(header: TokenHeader): Promise<VerificationKey> {
    const readAt = this.#readAt;
    if (this.#isOlderThan(MAX_AGE_MS)) {
      await this.#refresh();
      if (this.#isOlderThan(MAX_AGE_MS)) throw this.#unavailable();
    } else if (this.#isOlderThan(REFRESH_MS)) {
      void this.#refresh();
    }
    const known = find(this.#keys, header);
    if (known !== undefined) return known;
    if (this.#readAt === readAt) await this.#search();
    const found = find(this.#keys, header);
    if (found !== undefined) return found;
    if (this.#retryAt !== undefined) throw this.#unavailable();
    throw unauthorized("The token's key is not one of the application's.");
  }

  #isOlderThan(milliseconds: number): boolean {
    return this.#now() - this.#readAt >= milliseconds;
  }

  /** Reads the set again because a key is unknown, or waits while it is being read. */
  async #search(): Promise<void> {
    if (this.#now() < this.#searchAt) return await this.#reading;
    this.#searchAt = this.#now() + COOLDOWN_MS;
    await this.#refresh();
  }

  /** Reads the set again, or waits while it is being read. If that fails, it is logged. */
  async #refresh(): Promise<void> {
    if (this.#reading === undefined && this.#now() < (this.#retryAt ?? -Infinity)) return;
    await (this.#reading ??= this.#loadOrLog());
  }

  async #loadOrLog(): Promise<void> {
    try {
      await this.load();
      this.#retryAt = undefined;
    } catch (thrown) {
      this.#retryAt = this.#searchAt = this.#now() + RETRY_MS;
      this.#log.warn("jwks unavailable", { reason: requestReason(thrown) });
    } finally {
      this.#reading = undefined;
    }
  }

  #unavailable(): Refusal {
    const sentence = "Cannot check the token: the application's keys cannot be read.";
    const retryAfterMs = Math.max(1, (this.#retryAt ?? 0) - this.#now());
    return new Refusal("unavailable", sentence, { retryAfterMs });
  }
}

/**
 * Finds the key that a token was signed with.
 *
 * @throws {Refusal} `unauthorized` if the key has another algorithm than the token, or if several would do.
 */
function find(
  keys: readonly VerificationKey[],
  { alg, kid }: TokenHeader,
): VerificationKey | undefined {
  const named = keys.filter((key) => kid === undefined || key.kid === kid);
  const [found, second] = named.filter((key) => key.alg === alg);
  if (found !== undefined && second === undefined) return found;
  if (found !== undefined) throw unauthorized('The token must name its key, by the header "kid".');
  if (named.length === 0) return undefined;
  throw unauthorized("The token's algorithm is not the one of its key.");
}
