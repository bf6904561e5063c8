/**
 * Clients that are refused and do not stop: to refuse costs work as well, so an address is not refused
 * without end, and nobody is listened to for long after the end.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, serve } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { frameOf, OPCODES, RawSocket } from "./support/raw_socket.ts";

const MB = 1_048_576;

Deno.test("an address that goes on while it is refused is hung up on, and may come back", async () => {
  await using server = await serve({ addressRate: 0.001, addressBurst: 100, trustProxies: 1 });
  await using other = await member(server, { headers: { "x-forwarded-for": "192.0.2.1" } });
  // Each of them says too little to be at fault by itself.
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => connect(server, { protocol: "parley.v1" })),
  );
  for (const client of clients) {
    for (let n = 0; n < 400; n++) client.send({ type: "pong" });
  }
  const closed = await Promise.race(clients.map((client) => client.closed));
  assertEquals(closed.code, 1013);
  other.send({ type: "chat", payload: "here" });
  await other.next("chat");
  await Promise.all(clients.map((client) => client.close()));
});

Deno.test("a client that floods the server after the end is not listened to for long", async () => {
  await using server = await serve();
  using socket = await RawSocket.open(server);
  await socket.frame("binary", { opcode: OPCODES.binary });
  const frame = frameOf("x".repeat(16_000));
  let sent = 0;
  try {
    while (sent < 64 * MB) {
      await socket.bytes(frame);
      sent += frame.length;
    }
  } catch {
    // It was hung up on.
  }
  assert(sent < 32 * MB, `${sent} bytes were taken`);
});

Deno.test("a page of long messages ends soon, and whoever asks on misses nothing", async () => {
  await using server = await serve();
  await using client = await member(server);
  for (let n = 0; n < 12; n++) client.send({ type: "chat", payload: "x".repeat(16_000) });
  await client.next("chat", ({ seq }) => seq === 12);
  const seen: number[] = [];
  while (seen.length < 12) {
    const { json } = await ask(server, `${MESSAGES}?after=${seen.length}&limit=200`);
    const length = json.messages.reduce((sum, { payload }) => sum + payload.length, 0);
    assert(length > 0 && length <= 65_536 + 16_000, `${length} characters`);
    seen.push(...json.messages.map(({ seq }) => seq));
  }
  assertEquals(seen, Array.from({ length: 12 }, (_, index) => index + 1));
});
