/**
 * Clients that never stop sending are told of a stop like all others: they get `bye`, and a close code.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { member } from "./support/harness.ts";
import { Program } from "./support/program.ts";

/** So many, and so often, that a frame is always on its way. */
const CLIENTS = 20;
const EVERY_MS = 2;

for (const workers of ["0", "2"]) {
  Deno.test(`with --workers ${workers}, clients that never stop sending get bye and a close code`, async () => {
    await using program = await Program.start(["--db", ":memory:", "--workers", workers]);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => member(program)));
    const timers = clients.map((client) =>
      setInterval(() => {
        if (client.socket.readyState !== WebSocket.OPEN) return;
        client.send({ type: "chat", payload: "x".repeat(100) });
      }, EVERY_MS)
    );
    try {
      await clients[0]?.take("chat", CLIENTS);
      program.signal("SIGTERM");
      const codes = await Promise.all(clients.map(async (client) => {
        await client.next("bye");
        return (await client.closed).code;
      }));
      assertEquals(codes.filter((code) => code !== 1001 && code !== 1012), []);
      assertEquals((await program.ended()).code, 0);
    } finally {
      for (const timer of timers) clearInterval(timer);
    }
  });
}
