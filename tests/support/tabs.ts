/**
 * Clients that share a connection as tabs of one browser do, in one process: Deno has Web Locks and
 * `BroadcastChannel` too.
 *
 * @module
 */
import { type ClientOptions, connect } from "../../static/client/mod.ts";
import { patiently } from "./harness.ts";

/** Opens clients as in tabs of one browser, which are in the lobby. */
export async function tabs(url: string, count: number, options: ClientOptions = {}) {
  // Deno forgets a channel that is made while the last one is being closed, so there is one throughout.
  const kept = new BroadcastChannel("kept");
  const values = new Map<string, string>();
  const identity = {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
  const clients = Array.from({ length: count }, () => {
    const outbox = { getItem: () => null, setItem() {} };
    const backoffMs = { min: 5, max: 50 };
    return connect(url, { shared: true, identity, outbox, backoffMs, ...options });
  });
  await patiently(Promise.all(clients.map((client) => client.join("lobby"))), "the room");
  return {
    clients,
    [Symbol.dispose]() {
      for (const client of clients) client.close();
      kept.close();
    },
  };
}
