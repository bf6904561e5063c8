/**
 * What most tests begin with: a real server in this process, and the clients of the test kit.
 *
 *     await using server = await serve();
 *     await using alice = await connect(server, { room: "lobby" });
 *     alice.send({ type: "chat", payload: "hi" });
 *     const { seq } = await alice.next("chat");
 *
 * @module
 */
import { createServer, type Event, type Hooks, type Options, silentLog } from "../../server/mod.ts";
import type { Server } from "../../server/mod.ts";
import { ROOMY, type TestClient } from "../../server/testing.ts";

export {
  connect,
  type EventOf,
  member,
  patiently,
  TestClient as Client,
  until,
} from "../../server/testing.ts";

/** A server with room for tests, on which nobody but guests comes; what is given wins. */
export async function serve(
  options: Partial<Options> = {},
  hooks: Hooks = {},
): Promise<Server> {
  const server = await createServer({ ...ROOMY, ...options }, { log: silentLog, ...hooks });
  server.listen();
  return server;
}

/**
 * What a client is told up to the answer to a command that changes nothing. That its own mark has moved is
 * left out: it comes within a second after it has said something.
 */
export async function told(client: TestClient): Promise<Event[]> {
  const ref = crypto.randomUUID();
  client.send({ type: "leave", room: ref, ref });
  const seen: Event[] = [];
  // Everything is read out of `pending`, because `next` passes over what it is not asked for.
  const marker = (event: Event) => event.type === "error" && event.ref === ref;
  while (!client.pending.some(marker)) await client.arrival();
  const isOwnMark = (event: Event) => event.type === "read" && event.ref === undefined;
  seen.push(...client.pending.filter((event) => !marker(event) && !isOwnMark(event)));
  await client.next("error", (event) => event.ref === ref);
  return seen;
}
