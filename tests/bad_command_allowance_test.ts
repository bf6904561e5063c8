/**
 * How many refusals a client is sent before it is closed.
 *
 * @module
 */
import { Refusal } from "../server/protocol/refusal.ts";
import { BadCommandAllowance } from "../server/access/bad_command_allowance.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect, serve } from "./support/harness.ts";

const BUSY = new Refusal("rate_limited", "The address is busy.", { retryAfterMs: 3000 });

Deno.test("BadCommandAllowance has no end for a client that waits as it is told, whatever was under way", () => {
  let now = 0;
  const allowance = new BadCommandAllowance(20, () => now);
  for (let hour = 0; hour < 1200; hour++) {
    for (let n = 0; n < 50; n++) assert(!allowance.charge(BUSY));
    now += 500; // the last that it said before it heard
    assert(!allowance.charge(BUSY));
    now += 2500;
  }
});

Deno.test("BadCommandAllowance ends for a client that does not wait", () => {
  let now = 0;
  const allowance = new BadCommandAllowance(20, () => now);
  let sent = 0;
  while (!allowance.charge(BUSY) && sent < 10_000) {
    sent++;
    now += 10;
  }
  assert(sent < 1000, `${sent}`);
});

Deno.test("BadCommandAllowance ends for a client that sends more at once than any honest one", () => {
  const allowance = new BadCommandAllowance(20, () => 0);
  let sent = 0;
  while (!allowance.charge(BUSY) && sent < 10_000) sent++;
  assert(sent < 1000, `${sent}`);
});

Deno.test("an array that an address cannot pay for is refused whole: each ref, and the rest at once", async () => {
  await using server = await serve({ addressRate: 0.001, addressBurst: 20 });
  await using client = await connect(server, { protocol: "parley.v1.batched" });
  client.send({ type: "join", room: "lobby" });
  await client.next("joined");
  const chat = (ref?: string) => ({ type: "chat", payload: "x", ...(ref && { ref }) });
  client.send([...Array(2000).fill(0), chat("a"), chat("b"), chat()]);
  client.send({ type: "chat", payload: "x".repeat(15_000), ref: "after" });
  const errors = await client.take("error", 4);
  assertEquals(errors.map(({ ref }) => ref), [undefined, "a", "b", "after"]);
  assertEquals(new Set(errors.map(({ code }) => code)), new Set(["rate_limited"]));
});

Deno.test("a client of a busy address may have three hundred commands refused at once, and stays", async () => {
  await using server = await serve({ addressRate: 0.001, addressBurst: 5 });
  await using client = await connect(server);
  for (let n = 0; n < 300; n++) client.send({ type: "chat", payload: "x", ref: `${n}` });
  const errors = await client.take("error", 300);
  assertEquals(new Set(errors.map(({ code }) => code)), new Set(["rate_limited"]));
  assertEquals(client.socket.readyState, WebSocket.OPEN);
});
