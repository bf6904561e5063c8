/**
 * Whether one more connection may be let in, whatever it speaks.
 *
 * @module
 */
import type { Connection, ConnectionContext } from "../connections/connection.ts";
import type { Census } from "../limits.ts";
import { Refusal } from "../protocol.ts";

/** The way in, as the server hands it to those who open connections. */
export interface Gate {
  /** The refusal, if one more connection from there would be too many. */
  turnedAway(address: string): Refusal | undefined;
  /** Lets a connection in, and counts it. */
  enter<C extends Connection>(address: string, connect: (context: ConnectionContext) => C): C;
}

export function turnedAway(
  census: Census,
  address: string,
  draining: boolean,
): Refusal | undefined {
  const later = { retryAfterMs: 5000 };
  if (draining) return new Refusal("unavailable", "The server is going down.", later);
  const objection = census.objection(address);
  if (objection === "full") return new Refusal("unavailable", "The server is full.", later);
  if (objection === "address") {
    return new Refusal("rate_limited", "Too many connections from that address.", {
      field: "address",
      ...later,
    });
  }
  return undefined;
}
