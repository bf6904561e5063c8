/**
 * The cursors of people who draw on one board. A position is worth nothing once there is a newer one: it is
 * never stored, and a client sends the newest as often as the server lets it.
 *
 * @module
 */
import { createServer, silentLog } from "../../server/mod.ts";
import { connect } from "../../static/client/mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { until } from "../../server/testing.ts";

/** The events of a board. */
interface Board {
  readonly cursor: { readonly x: number; readonly y: number };
}

Deno.test("app: a board shows where each one's cursor is, and ends with where it stopped", async () => {
  await using server = await createServer({ port: 0, db: ":memory:" }, {
    rules: [{ match: "board-*", signalRate: 60, store: false }],
    log: silentLog,
  });
  server.listen();
  const join = async (name: string) => {
    const client = connect<Board>(server.url, { name });
    await client.join("board-1");
    return client;
  };
  const [ada, bob] = [await join("Ada"), await join("Bob")];
  const seen: number[] = [];
  bob.on("custom:cursor", ({ from, payload }) => {
    if (from.name === "Ada") seen.push(payload.x);
  });

  // The pointer moves much faster than anything is sent. The last place is never lost.
  for (let x = 1; x <= 1000; x++) {
    ada.emit("board-1", "cursor", { x, y: 0 }, { latest: true });
    if (x % 100 === 0) await new Promise((resolve) => setTimeout(resolve)); // a turn passes
  }
  await until(() => seen.at(-1) === 1000, "the last place");
  assert(seen.length < 1000);
  assertEquals(seen, seen.toSorted((a, b) => a - b));
  assertEquals((await server.history("board-1")).messages, []);
  ada.close();
  bob.close();
});
