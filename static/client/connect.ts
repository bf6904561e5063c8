/**
 * `connect` is where an application begins.
 *
 * @module
 */
import { Client } from "./client.ts";
import type { AnyEvents } from "./events.ts";
import type { ClientOptions } from "./options.ts";

/**
 * Connects to a server, and reconnects whenever the connection is lost.
 *
 * @param url the server's address, or its `/ws`, with ws:, wss:, http: or https:. In a browser it may be
 * relative to the document.
 * @throws {TypeError} if the URL is not valid.
 */
export function connect<Events extends object = AnyEvents>(
  url: string | URL,
  options?: ClientOptions,
): Client<Events> {
  return new Client(url, options);
}
