/**
 * Chooses the transport of a client. The code for a connection that tabs share is loaded only where it is
 * asked for.
 *
 * @module
 */
import { automatic } from "./fallback.ts";
import type { ClientOptions } from "./options.ts";
import type { OpenTransport, Transport } from "./transport.ts";

/** Returns what opens the connections of a client with these options. */
export function chooseTransport(
  { transport: alone = automatic, shared }: ClientOptions,
): OpenTransport {
  if (!shared) return alone;
  return (url, handlers) => {
    let transport: Transport | undefined;
    let isClosed = false;
    const opened = (open: OpenTransport) => {
      if (!isClosed) transport = open(url, handlers);
    };
    import("./shared_transport.ts")
      .then(({ openShared }) => opened((...to) => openShared(`${shared}`, alone, ...to)))
      // The server is away, or has another version by now; or the browser has no channel for this page.
      .catch(() => opened(alone));
    return {
      send: (commands) => transport?.send(commands),
      close() {
        isClosed = true;
        transport?.close();
      },
    };
  };
}
