/**
 * Clients that mean harm, or are broken: each gets its error or its close code, nothing of theirs is
 * stored, and a second client notices nothing.
 *
 * @module
 */
import type { CloseCode, ErrorCode } from "../server/mod.ts";
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, until } from "./support/harness.ts";
import { frameOf, type FrameOptions, OPCODES, RawSocket } from "./support/raw_socket.ts";

/** A witness who is in the room, and must hear only of itself. */
async function unharmed(server: Server, act: (witness: Client) => Promise<void>): Promise<void> {
  await using witness = await member(server, { name: "Witness" });
  await act(witness);
  witness.send({ type: "chat", payload: "calm" });
  const chat = await witness.next("chat");
  assertEquals([chat.seq, chat.payload], [1, "calm"]); // nothing else was stored
  const noise = witness.frames.filter((frame) => !/"(welcome|joined|system|chat)"/.test(frame));
  assertEquals(noise, []);
}

/** What is said, and the error that answers it. */
const ERRORS: readonly (readonly [what: string, said: string, code: ErrorCode])[] = [
  ["text that is not JSON", "hello", "bad_json"],
  ["nothing", "", "bad_json"],
  ["an array", '[{"type":"chat","payload":"x"}]', "bad_command"],
  ["a number", "1e999", "bad_command"],
  ["deep nesting", "[".repeat(16_000), "bad_json"],
  ["deep nesting that is closed", "[".repeat(8_000) + "]".repeat(8_000), "bad_command"],
  ["a deep payload", deep(1_000), "bad_field"],
  ["a __proto__ key", '{"type":"chat","payload":"x","__proto__":{"room":"y"}}', "bad_field"],
  ["a type from __proto__", '{"__proto__":{"type":"chat","payload":"x"}}', "bad_command"],
  ["a constructor key", '{"type":"chat","payload":"x","constructor":1}', "bad_field"],
  ["a wrong type of payload", '{"type":"chat","payload":{"x":1}}', "bad_field"],
  ["an unknown type", '{"type":"eval","payload":"x"}', "bad_command"],
  ["an event as a command", '{"type":"system","payload":"x left."}', "bad_command"],
  ["a lone surrogate", '{"type":"chat","payload":"\\ud83d"}', "bad_field"],
  ["a NUL", '{"type":"chat","payload":"a\\u0000"}', "bad_field"],
  ["a room name of controls", '{"type":"join","room":"\\u001b[2J"}', "bad_field"],
  ["a room name of spaces", '{"type":"join","room":"   "}', "bad_field"],
  ["a name that is right to left", '{"type":"rename","name":"\\u202eevil"}', "bad_field"],
  ["a name with a no-break space", '{"type":"rename","name":"a b\\u00a0c"}', "bad_field"],
  ["a name with spaces of no width", '{"type":"rename","name":"\\u200bx\\u200b"}', "bad_field"],
  ["a room that is a step in a path", '{"type":"join","room":".."}', "bad_field"],
  ["a name too long", `{"type":"rename","name":"${"n".repeat(65)}"}`, "bad_field"],
  ["a command before join", '{"type":"chat","room":"elsewhere","payload":"x"}', "not_in_room"],
  ["typing before join", '{"type":"typing","room":"elsewhere","payload":true}', "not_in_room"],
  ["leaving before join", '{"type":"leave","room":"elsewhere"}', "not_in_room"],
];

function deep(depth: number): string {
  const payload = '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
  return `{"type":"custom","name":"x","durable":true,"payload":${payload}}`;
}

for (const [what, said, code] of ERRORS) {
  Deno.test(`${what} is answered with ${code}, and the connection stays`, async () => {
    await using server = await serve();
    await unharmed(server, async () => {
      await using client = await member(server, { name: "Mallory" });
      client.raw(said);
      assertEquals((await client.next("error")).code, code);
      client.send({ type: "hello" });
      await client.next("welcome");
    });
  });
}

/** Room names and names that look dangerous and are only text. */
const ODD_NAMES = [
  "../../etc/passwd",
  "<script>alert(1)</script>",
  "__proto__",
  "constructor",
  "'; DROP TABLE rooms; --",
  "%2e%2e%2f",
  "😀".repeat(64),
  "...",
];

Deno.test("a name that looks dangerous is only text", async () => {
  await using server = await serve();
  for (const name of ODD_NAMES) {
    await using client = await member(server, { name, room: name });
    client.send({ type: "chat", room: name, payload: name, ref: "r" });
    const chat = await client.next("chat");
    assertEquals([chat.room, chat.payload, chat.from.name, chat.seq], [name, name, name, 1]);
  }
});

/** Frames that end the connection; the code is 0 where the runtime says nothing. */
const CLOSED: readonly (readonly [
  what: string,
  payload: Uint8Array | string,
  options: FrameOptions,
  code: CloseCode | 0,
])[] = [
  ["a binary frame", '{"type":"chat","payload":"x"}', { opcode: OPCODES.binary }, 1003],
  ["an empty binary frame", "", { opcode: OPCODES.binary }, 1003],
  ["a frame that is too long", chatOf("x".repeat(16_384)), {}, 1009],
  ["a frame that is too long in UTF-8 only", chatOf("é".repeat(8_200)), {}, 1009],
  ["a very long frame", "x".repeat(5_000_000), {}, 1009],
  ["bytes that are not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), {}, 0],
  ["a reserved bit", chatOf("x"), { reserved: 4 }, 0],
  ["a reserved opcode", chatOf("x"), { opcode: 3 }, 0],
  ["a reserved control opcode", "", { opcode: 11 }, 0],
  ["a fragmented ping", "x", { opcode: OPCODES.ping, fin: false }, 0],
  ["a ping that is too long", "x".repeat(126), { opcode: OPCODES.ping }, 0],
  ["a continuation of nothing", "x", { opcode: OPCODES.more }, 0],
];

function chatOf(payload: string): string {
  return JSON.stringify({ type: "chat", payload });
}

for (const [what, payload, options, code] of CLOSED) {
  Deno.test(`${what} ends the connection with ${code || "no close frame"}`, async () => {
    await using server = await serve();
    await unharmed(server, async () => {
      using socket = await RawSocket.open(server, { protocol: "parley.v1" });
      await socket.send({ type: "join" });
      await socket.frame(payload, options);
      await socket.frame(chatOf("after"));
      assertEquals(await socket.closed(), code);
      socket[Symbol.dispose]();
      await until(() => server.connectionCount === 1, "the connection to be gone");
    });
  });
}

Deno.test("the largest frame that is allowed is read, and one more byte is not", async () => {
  await using server = await serve({ frameBytes: 8192 });
  const frame = (length: number) => chatOf("x".repeat(length - chatOf("").length));
  await using client = await connect(server);
  client.raw(frame(8192));
  await client.next("chat");
  client.raw(frame(8193));
  assertEquals((await client.closed).code, 1009);
});

Deno.test("fragments, pings within them and a slow byte at a time are one message", async () => {
  await using server = await serve();
  using socket = await RawSocket.open(server);
  const text = chatOf("in pieces é");
  await socket.frame(text.slice(0, 5), { fin: false });
  await socket.frame("still here?", { opcode: OPCODES.ping });
  await socket.frame(text.slice(5, 9), { opcode: OPCODES.more, fin: false });
  for (const byte of frameOf(text.slice(9), { opcode: OPCODES.more })) {
    await socket.bytes(Uint8Array.of(byte));
  }
  let pong = "";
  for (;;) {
    const frame = await socket.next();
    assert(frame !== undefined);
    const said = new TextDecoder().decode(frame.payload);
    if (frame.opcode === OPCODES.pong) pong = said;
    if (said.includes("in pieces é")) break;
  }
  assertEquals(pong, "still here?");
});

Deno.test("a close is answered with a close", async () => {
  await using server = await serve();
  using socket = await RawSocket.open(server);
  await socket.frame(Uint8Array.of(0x03, 0xe8), { opcode: OPCODES.close });
  assertEquals(await socket.closed(), 1000);
  await until(() => server.connectionCount === 0, "the connection to be gone");
});

/** What a handler calls, made to throw. */
const THROWN: readonly (readonly [
  what: string,
  command: Record<string, unknown>,
  spoil: (broker: FaultyBroker) => void,
])[] = [
  ["the log", { type: "chat", payload: "x" }, (broker) => broker.failing.add("publish")],
  ["opening a room", { type: "join", room: "x" }, (broker) => broker.failing.add("open")],
  ["a signal", { type: "custom", name: "x", payload: 1 }, (broker) => broker.failing.add("signal")],
  ["a typing signal", { type: "typing", payload: true }, (broker) => broker.failing.add("signal")],
];

for (const [what, command, spoil] of THROWN) {
  Deno.test(`a client gets an error when ${what} throws, and no other client notices`, async () => {
    const broker = await FaultyBroker.make();
    await using server = await serveOn(broker);
    await unharmed(server, async () => {
      await using client = await member(server, { name: "Mallory" });
      spoil(broker);
      client.send({ ...command, ref: "r" });
      assertEquals((await client.next("error")).code, "unavailable");
      broker.failing.clear();
    });
  });
}

Deno.test("a client gets an error when authorize() throws", async () => {
  await using server = await serve({}, {
    authorize(user) {
      if (user.name === "Mallory") throw new Error("thrown on purpose");
      return "write";
    },
  });
  await unharmed(server, async () => {
    await using client = await connect(server, { protocol: "parley.v1" });
    client.send({ type: "hello", name: "Mallory" }, { type: "join", ref: "r" });
    const error = await client.next("error");
    assertEquals([error.code, error.ref], ["unavailable", "r"]);
    assert(!JSON.stringify(error).includes("on purpose"));
  });
});
