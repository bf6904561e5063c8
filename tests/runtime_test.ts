/**
 * What the runtime does with WebSockets, as of Deno 2.9.6, where the server relies on it or works
 * around it. A failure here after an upgrade is news, not a fault of the server's: each test says
 * which file to look at. SQLite and HTTP have files of their own.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";
import { BareServer, type BareSocket, BareSockets } from "./support/bare_sockets.ts";
import { until } from "./support/harness.ts";
import { frameOf, type FrameOptions, OPCODES, RawSocket } from "./support/raw_socket.ts";

const MIB = 1 << 20;
/** More than the system's own buffers hold between two sockets. */
const MUCH = 20 * MIB;

/** Waits for an event of a socket's. */
async function happens(at: BareSocket, event: string): Promise<void> {
  await until(() => at.events.includes(event), event);
}

/** A peer that reads nothing, with much on its way to it. */
async function blocked(server: BareSockets): Promise<{ peer: RawSocket; at: BareSocket }> {
  const peer = await RawSocket.open(server);
  const at = server.newest;
  await happens(at, "open");
  at.socket.send("x".repeat(MUCH));
  return { peer, at };
}

// --- time and blocked peers -----------------------------------------------------------------------

// server.ts (idleTimeout), connections/watch.ts (which drops the blocked), connections/connection.ts.
Deno.test("Deno: idleTimeout pings, closes a silent peer with 1001, and spares a blocked one", async () => {
  await using server = new BareSockets(1);
  const { peer, at } = await blocked(server);
  for (let round = 0; round < 2; round++) { // each is one whole timeout of the blocked peer's
    using silent = await RawSocket.open(server);
    const { newest } = server;
    assertEquals((await silent.next())?.opcode, OPCODES.ping);
    assertEquals(await silent.closed(), 1001);
    // connections/connection.ts: whatever a close event sets off may be set off twice.
    await until(() => newest.closes.length === 2, "a second close event");
    assertEquals(newest.closes, ["close 1001", "close 1005"]);
  }
  assertEquals([at.socket.readyState, at.events], [WebSocket.OPEN, ["open"]]);
  peer[Symbol.dispose]();
  await until(() => at.closes.length > 0, "the blocked one to be gone");
});

// connections/connection.ts (close): cleans up at once, and does not wait for the event.
Deno.test("Deno: close() on a blocked peer forgets bufferedAmount, and no close event comes", async () => {
  await using server = new BareSockets();
  const { peer, at } = await blocked(server);
  at.socket.close(1013);
  assertEquals([at.socket.readyState, at.socket.bufferedAmount], [WebSocket.CLOSING, 0]);
  using other = await RawSocket.open(server);
  server.newest.socket.close(1000); // somebody else comes and goes
  await other.closed();
  other[Symbol.dispose]();
  await until(() => server.newest.closes.length > 0, "the other's close event");
  assertEquals([at.socket.readyState, at.events], [WebSocket.CLOSING, ["open"]]);
  peer[Symbol.dispose]();
  await until(() => at.closes.length > 0, "the blocked one to be gone");
});

// connections/connection.ts and watch.ts: the high-water mark is held against this number.
Deno.test("Deno: bufferedAmount is what the peer has not taken yet, and falls to 0", async () => {
  await using server = new BareSockets();
  using peer = await RawSocket.open(server);
  const { newest } = server;
  await happens(newest, "open");
  newest.socket.send("x".repeat(MIB));
  newest.socket.send("more");
  assertEquals(newest.socket.bufferedAmount, MIB + 4);
  assertEquals((await peer.next())?.payload.length, MIB);
  assertEquals((await peer.next())?.payload.length, 4);
  await until(() => newest.socket.bufferedAmount === 0, "everything to be taken");
});

// connections/web_socket.ts: an error event releases the connection, as a close event does.
Deno.test("Deno: an abnormal loss is an error event and a close event with code 0", async () => {
  await using server = new BareSockets();
  (await RawSocket.open(server))[Symbol.dispose]();
  const { newest } = server;
  await until(() => newest.closes.length > 0, "the loss to be noticed");
  assertEquals(newest.events, ["open", "error", "close 0"]);
});

// --- frames -----------------------------------------------------------------------------------------

/** The head of a frame that says how much will follow, of which nothing need. */
function announcing(length: number, opcode: number, fin = true): Uint8Array {
  const head = new Uint8Array(14); // with a mask of zeros
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0xff;
  new DataView(head.buffer).setBigUint64(2, BigInt(length));
  return head;
}

// README, "What one stranger can do": the largest frame that is read into memory before the server is asked.
Deno.test("Deno: a frame of 64 MiB is refused by its head, and one byte less is waited for", async () => {
  await using server = new BareSockets();
  using refused = await RawSocket.open(server);
  await refused.bytes(announcing(64 * MIB, OPCODES.binary));
  assertEquals(await refused.closed(), 0);
  using awaited = await RawSocket.open(server);
  const { newest } = server;
  await awaited.bytes(announcing(64 * MIB - 1, OPCODES.binary));
  await awaited.bytes(new Uint8Array(64 * MIB - 1));
  await happens(newest, `message ${64 * MIB - 1} bytes`);
});

// README, "What one stranger can do": nothing on this side of the runtime can bound it.
Deno.test("Deno: a message in fragments has no limit", async () => {
  await using server = new BareSockets();
  using peer = await RawSocket.open(server);
  for (let sent = 0; sent <= 64; sent++) {
    const opcode = sent === 0 ? OPCODES.binary : OPCODES.more;
    await peer.bytes(announcing(MIB, opcode, sent === 64));
    await peer.bytes(new Uint8Array(MIB));
  }
  await happens(server.newest, `message ${65 * MIB} bytes`);
});

const PROTOCOL_ERRORS: readonly (readonly [string, Uint8Array | string, FrameOptions])[] = [
  ["text that is not UTF-8", Uint8Array.of(0xff), {}],
  ["a reserved bit", "x", { reserved: 4 }],
  ["a reserved opcode", "x", { opcode: 3 }],
  ["a control frame that is too long", "x".repeat(126), { opcode: OPCODES.ping }],
  ["a continuation of nothing", "x", { opcode: OPCODES.more }],
];

for (const [what, payload, options] of PROTOCOL_ERRORS) {
  // connections/web_socket.ts: handles no frame that is broken, and cannot say why it ended.
  Deno.test(`Deno: ${what} ends the connection without a close frame, and no message comes`, async () => {
    await using server = new BareSockets();
    using peer = await RawSocket.open(server);
    const { newest } = server;
    await peer.frame(payload, options);
    assertEquals(await peer.closed(), 0);
    await until(() => newest.closes.length > 0, "the close event");
    assertEquals(newest.events, ["open", "error", "close 0"]);
  });
}

// Nothing relies on it; RFC 6455 §5.1 wants it refused. tests/fuzz_frames_test.ts expects it.
Deno.test("Deno: a frame without a mask is accepted", async () => {
  await using server = new BareSockets();
  using peer = await RawSocket.open(server);
  await peer.frame("bare", { masked: false });
  await happens(server.newest, "message bare");
});

// connections/web_socket.ts (shut): lets the peer fall silent before it closes.
Deno.test("Deno: a frame behind the one that is answered with close() costs the close frame", async () => {
  await using server = new BareSockets();
  using peer = await RawSocket.open(server);
  const { socket } = server.newest;
  socket.onmessage = () => socket.close(1003);
  await peer.bytes(Uint8Array.of(...frameOf("a"), ...frameOf("b")));
  assertEquals(await peer.closed(), 0);
  using polite = await RawSocket.open(server);
  server.newest.socket.onmessage = ({ target }) =>
    target instanceof WebSocket && target.close(1003);
  await polite.frame("a");
  assertEquals(await polite.closed(), 1003);
});

// rooms/hub.ts (CROWDED_FRAMES): a turn that brought a hundred frames has probably not brought all.
Deno.test("Deno: in one turn of the loop at most 128 sockets are heard", async () => {
  await using server = new BareSockets();
  const peers: RawSocket[] = [];
  while (peers.length < 300) peers.push(await RawSocket.open(server));
  let heard = 0;
  let inTurn = 0;
  let most = 0;
  for (const { socket } of server.last(300)) {
    socket.onmessage = () => {
      heard++;
      most = Math.max(most, ++inTurn);
      if (inTurn === 1) setImmediate(() => inTurn = 0);
    };
  }
  for (let round = 1; round <= 5; round++) {
    await Promise.all(peers.map((peer) => peer.frame("x")));
    await until(() => heard === 300 * round, "all to be heard");
  }
  assert(most > 100 && most <= 128, `${most} were heard in one turn`);
  for (const peer of peers) peer[Symbol.dispose]();
});

// --- closing and handlers -------------------------------------------------------------------------

// protocol.ts (CLOSE_CODES): 1001, 1003, 1009, 1012 and 1013 would throw in a browser's WebSocket.
Deno.test("Deno: the server's end may close with any code, but not with a long reason", async () => {
  await using server = new BareSockets();
  for (const code of [1001, 1003, 1008, 1009, 1012, 1013]) {
    using peer = await RawSocket.open(server);
    const { newest } = server;
    await happens(newest, "open");
    newest.socket.close(code, "x".repeat(123));
    assertEquals(await peer.closed(), code);
  }
  using _peer = await RawSocket.open(server);
  assertThrows(() => server.newest.socket.close(1013, "x".repeat(124)), DOMException, "123");
});

// connections/web_socket.ts: handlers are attached in the constructor, before anything is awaited.
Deno.test("Deno: what comes before a handler is attached is lost", async () => {
  let socket: WebSocket | undefined;
  await using server = new BareServer((request) => {
    const upgrade = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket = upgrade.socket;
    return upgrade.response;
  });
  using peer = await RawSocket.open(server);
  await peer.frame("early");
  await peer.frame("", { opcode: OPCODES.ping });
  assertEquals((await peer.next())?.opcode, OPCODES.pong); // so it has come
  const heard: unknown[] = [];
  assert(socket !== undefined);
  socket.onmessage = ({ data }) => heard.push(data);
  await peer.frame("late");
  await until(() => heard.length > 0, "a message");
  assertEquals(heard, ["late"]);
});

// connections/web_socket.ts (#receive): sessions throw nothing.
Deno.test("Deno: a throw in a handler is nobody's but the process's", async () => {
  const thrown: unknown[] = [];
  const caught = (event: ErrorEvent) => {
    event.preventDefault(); // or the process would end here
    thrown.push(event.error);
  };
  globalThis.addEventListener("error", caught);
  await using server = new BareSockets();
  using peer = await RawSocket.open(server);
  const error = new Error("thrown on purpose");
  server.newest.socket.onmessage = () => {
    throw error;
  };
  await peer.frame("x");
  await until(() => thrown.length > 0, "the error");
  globalThis.removeEventListener("error", caught);
  assertEquals(thrown, [error]);
  assertEquals(server.errors, []);
});
