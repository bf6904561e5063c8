/**
 * `ConnectionLimits` counts the connections that are open, in all and from each address.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";
import type { Source } from "./source.ts";

/** Connections do not end as fast as allowances fill. */
const FULL_MS = 5000;

export class ConnectionLimits {
  readonly #max: number;
  readonly #maxPerAddress: number;
  #count = 0;

  /** @param max 0 is no limit, for either. */
  constructor(max: number, maxPerAddress: number) {
    this.#max = max;
    this.#maxPerAddress = maxPerAddress;
  }

  /**
   * Says whether one more connection may be opened from there.
   *
   * @throws {Refusal} `unavailable` if the server is full, `rate_limited` if the address has enough.
   */
  check(source: Source): void {
    if (this.#max > 0 && this.#count >= this.#max) {
      throw new Refusal("unavailable", "The server is full (--max-connections).", {
        field: "server", // so that a client can tell it from a server that fails
        retryAfterMs: FULL_MS,
      });
    }
    if (this.#maxPerAddress === 0) return;
    for (const usage of source.usages) {
      const { connections, times } = usage;
      if (connections < this.#maxPerAddress * times) continue;
      const what = `has ${connections} connections open, and may have no more`;
      throw source.refusal("rate_limited", usage, "--max-connections-per-address", what, FULL_MS);
    }
  }

  enter(source: Source): void {
    this.#count++;
    for (const usage of source.usages) usage.connections++;
  }

  leave(source: Source): void {
    this.#count--;
    for (const usage of source.usages) usage.connections--;
  }
}
