/**
 * Clients that are not ours: Node's `ws`, as a program of today would use it.
 *
 * @module
 */
import { WebSocket as Ws } from "npm:ws@8.23.0";
import type { Event } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently, serve } from "./support/harness.ts";

for (const protocol of [undefined, "parley.v1", "parley.v1.batched"]) {
  Deno.test(`Node's ws joins and sends with ${protocol ?? "no subprotocol"}`, async () => {
    await using server = await serve();
    const socket = new Ws(server.url.replace("http", "ws") + "/", protocol ? [protocol] : []);
    const heard: Event[] = [];
    const echoed = Promise.withResolvers<void>();
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    socket.on("open", () => {
      socket.send('{"type":"join"}');
      socket.send('{"type":"chat","payload":"é"}');
    });
    socket.on("message", (data: unknown) => {
      const value: Event | Event[] = JSON.parse(String(data));
      assertEquals(Array.isArray(value), protocol === "parley.v1.batched");
      heard.push(...(Array.isArray(value) ? value : [value]));
      if (heard.some(({ type }) => type === "chat")) echoed.resolve();
    });
    await patiently(echoed.promise, "the echo");
    assertEquals(socket.protocol, protocol ?? "");
    socket.close(1000);
    assertEquals(await patiently(closed, "the close"), 1000);
    assert(heard.some((event) => event.type === "chat" && event.payload === "é"));
  });
}
