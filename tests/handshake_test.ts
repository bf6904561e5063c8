/**
 * The opening handshake: who is let in, and how all others are refused. Every refusal is followed by
 * a connection that works, because an answer after the upgrade would have closed the listener.
 *
 * @module
 */
import type { Options, Server } from "../server/mod.ts";
import { assert, assertEquals, assertGreater, assertStringIncludes } from "./support/assert.ts";
import { connect, serve, until } from "./support/harness.ts";
import {
  type Answer,
  handshake,
  OPCODES,
  RawSocket,
  type RequestOptions,
} from "./support/raw_socket.ts";

async function ask(server: Server, options: RequestOptions): Promise<Answer> {
  using socket = await RawSocket.dial(server);
  return await socket.request(server, options);
}

async function stillServes(server: Server): Promise<void> {
  await using client = await connect(server);
  client.send({ type: "chat", payload: "still here" });
  await client.next("chat");
}

/** A clause, a request that offends only against it, and its refusal. */
const GUARDS: readonly (readonly [
  clause: string,
  request: RequestOptions,
  status: number,
  headers?: Record<string, string>,
])[] = [
  ["the method is POST", { method: "POST" }, 405, { allow: "GET" }],
  ["the method is HEAD", { method: "HEAD" }, 405, { allow: "GET" }],
  ["there is no Upgrade", { headers: { upgrade: null } }, 426, { upgrade: "websocket" }],
  ["the Upgrade is to something else", { headers: { upgrade: "h2c" } }, 426, {
    upgrade: "websocket",
  }],
  ["the Connection is not an upgrade", { headers: { connection: "keep-alive" } }, 426, {
    upgrade: "websocket",
  }],
  ["there is no version", { headers: { "sec-websocket-version": null } }, 426, {
    "sec-websocket-version": "13",
  }],
  ["the version is 8", { headers: { "sec-websocket-version": "8" } }, 426, {
    "sec-websocket-version": "13",
  }],
  ["there is no key", { headers: { "sec-websocket-key": null } }, 400],
  ["the key is not base64", { headers: { "sec-websocket-key": "?".repeat(24) } }, 400],
  ["the key is not 16 bytes", { headers: { "sec-websocket-key": "dG9vIHNob3J0" } }, 400],
  ["the origin is another", { headers: { origin: "http://evil.example" } }, 403],
  ["the origin is another port", { headers: { origin: "http://127.0.0.1:1" } }, 403],
  ["the origin is opaque", { headers: { origin: "null" } }, 403],
  ["the origin is empty", { headers: { origin: "" } }, 403],
  ["the origin is no URL", { headers: { origin: "127.0.0.1" } }, 403],
  ["a plain client's room is no name", { path: "/ws?room=%00" }, 400],
  ["a plain client's room is empty", { path: "/?room=" }, 400],
  ["a plain client's room is too long", { path: `/ws?room=${"r".repeat(65)}` }, 400],
  ["a plain client's name is no name", { path: "/ws?name=%E2%80%AE" }, 400],
];

for (const [clause, request, status, headers = {}] of GUARDS) {
  Deno.test(`the handshake answers ${status} when ${clause}`, async () => {
    await using server = await serve();
    const answer = await ask(server, request);
    assertEquals(answer.status, status);
    for (const [name, value] of Object.entries(headers)) {
      assertEquals(answer.headers.get(name), value);
    }
    assertEquals(answer.headers.get("content-type"), "application/problem+json");
    if (request.method !== "HEAD") {
      assertEquals(JSON.parse(answer.body).status, status);
      assertEquals(answer.body.trimEnd().split("\n").length, 1);
    }
    assertEquals(server.connectionCount, 0);
    await stillServes(server);
  });
}

/** Requests that no well-meaning program sends. */
const ODD: readonly (readonly [what: string, request: RequestOptions])[] = [
  ["Host is not a host", { headers: { host: "[" } }],
  ["Host is missing", { headers: { host: null } }],
  ["the path is not UTF-8", { path: "/ws?room=%ff" }],
  ["the path is two slashes", { path: "//" }],
  ["the path is absolute", { path: "http://elsewhere.example/ws" }],
  ["the path climbs", { path: "/../../ws" }],
  ["the protocol list is empty", { headers: { "sec-websocket-protocol": "" } }],
  ["the protocol list is commas", { headers: { "sec-websocket-protocol": ",,, ," } }],
  ["there are two versions", { headers: { "sec-websocket-version": "13, 13" } }],
  ["a body comes along", { headers: { "content-length": "0" } }],
];

for (const [what, request] of ODD) {
  Deno.test(`the handshake neither fails nor stops the server when ${what}`, async () => {
    await using server = await serve();
    const { status } = await ask(server, request);
    assert(status === 101 || status >= 400 && status < 500, `status ${status}`);
    await until(() => server.connectionCount === 0, "the connection to be gone");
    await stillServes(server);
  });
}

Deno.test("the handshake takes no no-break space for space", async () => {
  await using server = await serve();
  using socket = await RawSocket.dial(server); // a byte for each character, unlike UTF-8
  const text = handshake(server, { headers: { upgrade: "websocket\u00a0" } });
  await socket.bytes(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  assertEquals((await socket.answered()).status, 426);
});

/** What is offered, and what is chosen. */
const OFFERS: readonly (readonly [offered: string, chosen: string | null])[] = [
  ["parley.v1", "parley.v1"],
  ["parley.v1.batched", "parley.v1.batched"],
  ["parley.v1, parley.v1.batched", "parley.v1.batched"],
  ["parley.v1,parley.v1.batched", "parley.v1.batched"],
  ["chat ,\tparley.v1", "parley.v1"],
  ["chat", null],
  ["PARLEY.V1", null],
  ["parley.v2, parley", null],
];

for (const [offered, chosen] of OFFERS) {
  Deno.test(`the handshake chooses ${chosen} of ${JSON.stringify(offered)}`, async () => {
    await using server = await serve();
    using socket = await RawSocket.open(server, { protocol: offered });
    assertEquals(socket.answer.headers.get("sec-websocket-protocol"), chosen);
    const accept = socket.answer.headers.get("sec-websocket-accept");
    assertEquals(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 §1.3
    assertEquals(socket.answer.headers.get("sec-websocket-extensions"), null);
  });
}

/** An origin, what is allowed, and whether it may come in; `SELF` stands for the server's own. */
const ORIGINS: readonly (readonly [origin: string, allowed: string[], admitted: boolean])[] = [
  ["SELF", [], true],
  ["https://SELF", [], true], // a proxy ends TLS
  ["null", ["null"], true],
  ["null", ["*"], true],
  ["null", ["https://a.example"], false],
  ["https://a.example", ["https://b.example", "https://a.example"], true],
  ["https://a.example", ["*"], true],
  ["http://a.example", ["https://a.example"], false],
  ["https://a.example:8443", ["https://a.example"], false],
  ["https://a.example.evil.example", ["https://a.example"], false],
  ["SELF", ["https://a.example"], true],
];

for (const [origin, allowOrigin, admitted] of ORIGINS) {
  const title = `the handshake ${admitted ? "admits" : "refuses"} origin ${origin}`;
  Deno.test(`${title} when ${allowOrigin.join(" ") || "nothing"} is allowed`, async () => {
    await using server = await serve({ allowOrigin });
    const { host } = new URL(server.url);
    const said = origin.replace(/^SELF$/, `http://${host}`).replace("SELF", host);
    assertEquals((await ask(server, { headers: { origin: said } })).status, admitted ? 101 : 403);
  });
}

Deno.test("the socket is at / and at /ws, and nowhere else", async () => {
  await using server = await serve();
  assertEquals((await ask(server, { path: "/" })).status, 101);
  assertEquals((await ask(server, { path: "/ws" })).status, 101);
  assertEquals((await ask(server, { path: "/ws/" })).status, 404);
  assertEquals((await ask(server, { path: "/healthz" })).status, 200);
});

/** A limit of two, reached; and one more at the door. */
async function thirdAnswer(
  options: Partial<Options>,
  headers: readonly Record<string, string>[] = [],
): Promise<Answer> {
  await using server = await serve(options);
  using first = await RawSocket.open(server, { headers: headers[0] ?? {} });
  using _second = await RawSocket.open(server, { headers: headers[1] ?? {} });
  const answer = await ask(server, { headers: headers[2] ?? {} });
  first[Symbol.dispose]();
  await until(
    async () => (await ask(server, { headers: headers[0] ?? {} })).status === 101,
    "a place",
  );
  return answer;
}

Deno.test("the handshake answers 503 when the server is full, until a connection ends", async () => {
  const answer = await thirdAnswer({ maxConnections: 2 });
  assertEquals(answer.status, 503);
  assertEquals(answer.headers.get("retry-after"), "5");
  assertStringIncludes(JSON.parse(answer.body).detail, "(--max-connections)");
});

Deno.test("the handshake answers 429 when the address has its connections, until one ends", async () => {
  const answer = await thirdAnswer({ maxConnectionsPerAddress: 2 });
  assertEquals(answer.status, 429);
  assertGreater(Number(answer.headers.get("retry-after")), 4);
  assertStringIncludes(answer.body, "--max-connections-per-address");
});

Deno.test("the handshake counts the address that a trusted proxy saw", async () => {
  const from = (...addresses: string[]) => ({ "x-forwarded-for": addresses.join(", ") });
  const seen = [from("1.1.1.1"), from("1.1.1.1")];
  const one = { maxConnectionsPerAddress: 2, trustProxies: 1 };
  assertEquals((await thirdAnswer(one, [...seen, from("2.2.2.2")])).status, 101);
  assertEquals((await thirdAnswer(one, [...seen, from("2.2.2.2", "1.1.1.1")])).status, 429);
  const none = { maxConnectionsPerAddress: 2 };
  assertEquals((await thirdAnswer(none, [...seen, from("2.2.2.2")])).status, 429);
});

Deno.test("a connection that is gone at once gives its place back", async () => {
  await using server = await serve({ maxConnections: 100 });
  for (let i = 0; i < 200; i++) {
    const socket = await RawSocket.dial(server);
    const asking = socket.request(server).catch(() => {});
    if (i % 2 === 0) await asking;
    socket[Symbol.dispose]();
    await asking;
  }
  await until(() => server.connectionCount === 0, "all connections to be gone");
  const sockets = [];
  while (sockets.length < 100) {
    const socket = await RawSocket.dial(server);
    if ((await socket.request(server)).status === 101) sockets.push(socket);
    else socket[Symbol.dispose](); // the last of those before may still be on their way out
  }
  for (const socket of sockets) socket[Symbol.dispose]();
});

Deno.test("a peer that ignores a close keeps its place until its socket is gone", async () => {
  await using server = await serve({ maxConnections: 2 });
  const deaf = [await RawSocket.open(server), await RawSocket.open(server)];
  for (const socket of deaf) {
    await socket.frame(Uint8Array.of(1), { opcode: OPCODES.binary });
    assertEquals(await socket.closed(), 1003);
  }
  assertEquals((await ask(server, {})).status, 503);
  for (const socket of deaf) socket[Symbol.dispose]();
  await until(async () => (await ask(server, {})).status === 101, "their places to be free");
});

Deno.test("a server that is going answers 503 to a handshake and to /readyz, and still lives", async () => {
  await using server = await serve();
  using stuck = await RawSocket.open(server); // does not answer the close: the server waits for it
  await stuck.events();
  using early = await RawSocket.dial(server);
  await early.request(server, { path: "/healthz", headers: { connection: "keep-alive" } });
  using late = await RawSocket.dial(server);
  await late.request(server, { path: "/healthz", headers: { connection: "keep-alive" } });
  const stopping = server.stop();
  const answer = await early.request(server);
  assertEquals(answer.status, 503);
  assertStringIncludes(answer.body, "going down");
  const { status, body } = await late.request(server, {
    path: "/readyz",
    headers: { connection: "keep-alive" },
  });
  assertEquals([status, JSON.parse(body).reason], [503, "stopping"]);
  assertEquals((await late.request(server, { path: "/healthz" })).status, 200);
  stuck[Symbol.dispose]();
  await stopping;
});
