/**
 * `ConnectionLimits` bounds the connections that are open, in all and from each address.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";
import type { Source } from "./source.ts";

/** When to try again. Connections do not end as fast as allowances fill. */
const RETRY_MS = 5000;

export class ConnectionLimits {
  readonly #max: number;
  readonly #maxPerAddress: number;
  #count = 0;

  /** Both limits are numbers of connections; 0 is no limit. */
  constructor(max: number, maxPerAddress: number) {
    this.#max = max;
    this.#maxPerAddress = maxPerAddress;
  }

  /**
   * Refuses one more connection, if the limits are reached.
   *
   * @throws {Refusal} `unavailable` if the server is full, `rate_limited` if the address has too many.
   */
  check(source: Source): void {
    if (this.#max > 0 && this.#count >= this.#max) {
      throw new Refusal("unavailable", "The server is full (--max-connections).", {
        field: "server", // tells a client that the server has not failed
        limit: "max_connections",
        retryAfterMs: RETRY_MS,
      });
    }
    if (this.#maxPerAddress === 0) return;
    for (const usage of source.usages) {
      const { connections, times } = usage;
      if (connections < this.#maxPerAddress * times) continue;
      const what = `has ${connections} connections open, and may have no more`;
      throw source.refusal(usage, "--max-connections-per-address", what, RETRY_MS);
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
