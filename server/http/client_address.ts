/**
 * `clientAddress` finds the address that a request comes from: the peer's, or the one that the outermost
 * trusted proxy saw.
 *
 * @module
 */
import { type Address, LOCAL, parseAddress, UNKNOWN } from "../access/address.ts";

/** What `Deno.serve` tells of the peer. A framework in between may have passed on only part, or nothing. */
export type PeerInfo = Partial<Deno.ServeHandlerInfo>;

/** The address of a client. */
export interface ClientAddress {
  readonly address: Address;
  /** The forwarding header that was there and was not believed, for a warning. */
  readonly unbelieved: string | undefined;
}

/**
 * Returns the client's address. Each proxy adds an entry at the right end of `X-Forwarded-For`, so the
 * entry that counts is as many from the right as there are trusted proxies; anybody may have written
 * those before it. If it is not an address, the peer's address is used.
 */
export function clientAddress(
  { headers }: Request,
  { remoteAddr }: PeerInfo,
  trustProxies: number,
): ClientAddress {
  const list = headers.get("x-forwarded-for");
  const entry = trustProxies > 0 ? list?.split(",").at(-trustProxies) : undefined;
  const forwarded = entry === undefined ? undefined : parseAddress(entry);
  if (forwarded !== undefined) return { address: forwarded, unbelieved: undefined };
  const other = headers.has("forwarded") ? "Forwarded" : undefined;
  return { address: peerOf(remoteAddr), unbelieved: list === null ? other : "X-Forwarded-For" };
}

function peerOf(address: Deno.Addr | undefined): Address {
  if (address === undefined) return UNKNOWN;
  const peer = "hostname" in address ? parseAddress(address.hostname) : undefined;
  return peer ?? LOCAL;
}
