/**
 * What `Deno.serve` does with handshakes, streams and its own end, as of Deno 2.9.6, where the server
 * relies on it. A failure here after an upgrade is news: each test says which file to look at.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "./support/assert.ts";
import { BareServer, BareSockets } from "./support/bare_sockets.ts";
import { patiently, until } from "./support/harness.ts";
import { handshake, RawSocket } from "./support/raw_socket.ts";

// --- upgrades -------------------------------------------------------------------------------------

/** A program of its own, because the runtime leaves an operation behind. */
const SPOILT = `
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    Deno.upgradeWebSocket(request);
    AFTER;
  });
  const peer = await Deno.connect(server.addr);
  await peer.write(new TextEncoder().encode(Deno.args[0]));
  await Promise.race([peer.read(new Uint8Array(99)), server.finished]);
  console.log(await Deno.connect(server.addr).then(() => "open", () => "closed"));
  Deno.exit();
`;

for (const after of ['throw new Error("on purpose")', 'return new Response("another")']) {
  // server.ts (#upgrade) and http/upgrade.ts: all refusals come before the upgrade.
  Deno.test(`Deno: ${after} after upgradeWebSocket() closes the whole listener`, async () => {
    const request = handshake({ url: "http://127.0.0.1" });
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", SPOILT.replace("AFTER", after), request],
      stderr: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "closed\n");
  });
}

/** Handshakes that RFC 6455 §4.2 forbids, and that the runtime lets in. */
const LET_IN: readonly (readonly [what: string, headers: Record<string, string | null>])[] = [
  ["without a version", { "sec-websocket-version": null }],
  ["of version 8", { "sec-websocket-version": "8" }],
  ["with a key that is no key", { "sec-websocket-key": "?" }],
];

for (const [what, headers] of LET_IN) {
  // http/upgrade.ts: checks all of it itself.
  Deno.test(`Deno: a handshake ${what} is let in`, async () => {
    await using server = new BareSockets();
    using socket = await RawSocket.dial(server);
    assertEquals((await socket.request(server, { headers })).status, 101);
  });
}

// server.ts: sets the header itself instead.
Deno.test("Deno: upgradeWebSocket's protocol needs offers parted by a comma and one space", async () => {
  await using server = new BareServer((request) => {
    try {
      return Deno.upgradeWebSocket(request, { protocol: "b" }).response;
    } catch (thrown) {
      return new Response(String(thrown), { status: 400 });
    }
  });
  for (const [offered, status] of [["a, b", 101], ["a,b", 400], ["a", 400]] as const) {
    using socket = await RawSocket.dial(server);
    const headers = { "sec-websocket-protocol": offered };
    assertEquals((await socket.request(server, { headers })).status, status, offered);
  }
});

// server.ts: the subprotocol that was chosen is written into the answer of the upgrade.
Deno.test("Deno: the headers of an upgrade's answer can be set, and it offers no extensions", async () => {
  await using server = new BareServer((request) => {
    const { response } = Deno.upgradeWebSocket(request);
    response.headers.set("sec-websocket-protocol", "chosen");
    return response;
  });
  using socket = await RawSocket.dial(server);
  const offered = { "sec-websocket-extensions": "permessage-deflate" };
  const { headers } = await socket.request(server, { headers: offered });
  assertEquals(headers.get("sec-websocket-protocol"), "chosen");
  assertEquals(headers.get("sec-websocket-extensions"), null);
});

// --- the end ----------------------------------------------------------------------------------------

// server.ts (#stop): says goodbye to each itself, before this.
Deno.test("Deno: shutdown() closes WebSockets with 1001, and waits for no answer", async () => {
  await using server = new BareSockets();
  using peer = await RawSocket.open(server); // which never answers the close
  await patiently(server.shutdown(), "the end");
  assertEquals(await peer.closed(), 1001);
});

// server.ts (within): does not wait for it longer than GOODBYE_MS.
Deno.test("Deno: shutdown() waits for a peer that does not take what is queued", async () => {
  await using server = new BareSockets();
  using stuck = await RawSocket.open(server);
  const { socket } = server.newest;
  await until(() => socket.readyState === WebSocket.OPEN, "the connection");
  socket.send("x".repeat(20_000_000));
  using other = await RawSocket.open(server);
  const stopped = server.shutdown();
  assertEquals(await other.closed(), 1001);
  assert(!server.finished);
  stuck[Symbol.dispose]();
  await patiently(stopped, "the end");
});

// --- streams ----------------------------------------------------------------------------------------

type Controller = ReadableStreamDefaultController<Uint8Array>;

interface StreamState {
  controller?: Controller;
  cancelled: boolean;
  completed: boolean;
}

/** A server of one stream, which nothing is written to yet. */
class StreamServer extends BareServer {
  readonly #state: StreamState;

  constructor() {
    const state: StreamState = { cancelled: false, completed: false };
    super((_request, info) => {
      void info.completed.finally(() => state.completed = true);
      const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
        start: (controller) => void (state.controller = controller),
        cancel: () => void (state.cancelled = true),
      };
      const strategy = new ByteLengthQueuingStrategy({ highWaterMark: 0 });
      return new Response(new ReadableStream(source, strategy));
    });
    this.#state = state;
  }

  get cancelled(): boolean {
    return this.#state.cancelled;
  }

  get completed(): boolean {
    return this.#state.completed;
  }

  /** Settles when somebody reads, or at least asked to. */
  async opened(): Promise<Controller> {
    await until(() => this.#state.controller !== undefined, "the request");
    const { controller } = this.#state;
    assert(controller !== undefined);
    return controller;
  }
}

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n");

// connections/event_stream.ts (queuedBytes): asks desiredSize, since nothing else says "enough".
Deno.test("Deno: enqueue() never refuses; what the reader did not take is -desiredSize", async () => {
  await using server = new StreamServer();
  using reader = await RawSocket.dial(server);
  await reader.bytes(REQUEST);
  const controller = await server.opened();
  for (let sent = 0; sent < 300; sent++) controller.enqueue(new Uint8Array(100_000));
  const queued = () => -(controller.desiredSize ?? 0);
  await until(() => queued() < 30_000_000, "some of it to be taken");
  assert(queued() > 10_000_000, `${queued()} bytes are queued`);
});

// connections/event_stream.ts: the connection ends by `cancel`, and is released by `completed`.
Deno.test("Deno: a stream is cancelled and its request completed when the reader goes", async () => {
  await using server = new StreamServer();
  const reader = await RawSocket.dial(server);
  await reader.bytes(REQUEST);
  const controller = await server.opened();
  controller.enqueue(new Uint8Array(1));
  assert(!server.cancelled && !server.completed);
  reader[Symbol.dispose]();
  await until(() => server.cancelled && server.completed, "both");
  assertEquals(controller.desiredSize, 0);
});

// server.ts (#failed): a stream that we break off ourselves is no fault, and is not logged as one.
Deno.test("Deno: a stream's own error() is told to onError", async () => {
  await using server = new StreamServer();
  using reader = await RawSocket.dial(server);
  await reader.bytes(REQUEST);
  const controller = await server.opened();
  const error = new Error("too slow");
  controller.error(error);
  await until(() => server.errors.length > 0, "the error");
  assertEquals(server.errors, [error]);
});

// --- requests -------------------------------------------------------------------------------------

// server.ts (#route): asks URL.parse, and answers 400 itself.
Deno.test("Deno: a Host that is no host reaches the handler, in a URL that does not parse", async () => {
  let seen = "";
  await using server = new BareServer(({ url }) => {
    seen = url;
    return new Response();
  });
  using socket = await RawSocket.dial(server);
  await socket.request(server, { headers: { host: "[" } });
  assertEquals(URL.parse(seen), null);
  assertStringIncludes(seen, "[");
});

// http/origin.ts (addressOf): the peer is who connected; what a header says is looked at only there.
Deno.test("Deno: remoteAddr is the peer, whatever X-Forwarded-For says", async () => {
  let seen: Deno.Addr | undefined;
  await using server = new BareServer((_request, { remoteAddr }) => {
    seen = remoteAddr;
    return new Response();
  });
  using socket = await RawSocket.dial(server);
  await socket.request(server, { headers: { "x-forwarded-for": "10.0.0.1" } });
  assertEquals(seen !== undefined && "hostname" in seen && seen.hostname, "127.0.0.1");
});
