/**
 * How many refusals a client is sent before it is closed.
 *
 * @module
 */
import { Refusal } from "../server/protocol/refusal.ts";
import { Patience } from "../server/rooms/patience.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect, serve } from "./support/harness.ts";

const BUSY = new Refusal("rate_limited", "The address is busy.", { retryAfterMs: 3000 });

Deno.test("Patience has no end for a client that waits as it is told, whatever was under way", () => {
  let now = 0;
  const patience = new Patience(20, () => now);
  for (let hour = 0; hour < 1200; hour++) {
    for (let n = 0; n < 50; n++) assert(!patience.endsWith(BUSY));
    now += 500; // the last that it said before it heard
    assert(!patience.endsWith(BUSY));
    now += 2500;
  }
});

Deno.test("Patience ends for a client that does not wait", () => {
  let now = 0;
  const patience = new Patience(20, () => now);
  let sent = 0;
  while (!patience.endsWith(BUSY) && sent < 10_000) {
    sent++;
    now += 10;
  }
  assert(sent < 1000, `${sent}`);
});

Deno.test("a client of a busy address may have three hundred commands refused at once, and stays", async () => {
  await using server = await serve({ addressRate: 0.001, addressBurst: 5 });
  await using client = await connect(server);
  for (let n = 0; n < 300; n++) client.send({ type: "chat", payload: "x", ref: `${n}` });
  const errors = await client.take("error", 300);
  assertEquals(new Set(errors.map(({ code }) => code)), new Set(["rate_limited"]));
  assertEquals(client.socket.readyState, WebSocket.OPEN);
});
