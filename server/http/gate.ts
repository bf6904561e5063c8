/**
 * Whether one more connection may be let in, whatever it speaks.
 *
 * @module
 */
import type { Connection, ConnectionContext } from "../connections/connection.ts";
import type { Census } from "../limits.ts";
import { problem } from "./problem.ts";

/** The way in, as the server hands it to those who open connections. */
export interface Gate {
  /** The refusal, if one more connection from there would be too many. */
  turnedAway(address: string): Response | undefined;
  /** Lets a connection in, and counts it. */
  enter<C extends Connection>(address: string, connect: (context: ConnectionContext) => C): C;
}

export function turnedAway(
  census: Census,
  address: string,
  draining: boolean,
): Response | undefined {
  const later = { "retry-after": "5" };
  if (draining) return problem(503, "The server is going down.", later);
  const objection = census.objection(address);
  if (objection === "full") {
    return problem(503, "The server has all the connections that --max-connections allows.", later);
  }
  if (objection === "address") {
    const flag = "--max-connections-per-address";
    return problem(429, `Your address has all the connections that ${flag} allows.`, later);
  }
  return undefined;
}
