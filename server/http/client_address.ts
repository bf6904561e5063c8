/**
 * Which address a request comes from: the peer's, or the one that the outermost trusted proxy saw.
 *
 * @module
 */
import { type Address, LOCAL, parseAddress } from "../access/address.ts";

/** Where a request comes from, as far as its headers are believed. */
export interface ClientAddress {
  readonly address: Address;
  /** The header that named another address and was not believed, if there was one. */
  readonly unbelieved: string | undefined;
}

/**
 * Reads the client's address. What our own proxies wrote is at the right end of `X-Forwarded-For`;
 * anything further left, anybody may have written. Where there is no address, the peer's counts.
 */
export function clientAddress(
  { headers }: Request,
  { remoteAddr }: Deno.ServeHandlerInfo,
  trustProxies: number,
): ClientAddress {
  const list = headers.get("x-forwarded-for");
  const entry = trustProxies > 0 ? list?.split(",").at(-trustProxies) : undefined;
  const forwarded = entry === undefined ? undefined : parseAddress(entry);
  if (forwarded !== undefined) return { address: forwarded, unbelieved: undefined };
  const peer = "hostname" in remoteAddr ? parseAddress(remoteAddr.hostname) : undefined;
  const other = headers.has("forwarded") ? "Forwarded" : undefined;
  return { address: peer ?? LOCAL, unbelieved: list === null ? other : "X-Forwarded-For" };
}
