/**
 * By which names the server is spoken to, and which pages may do so: hosts and origins are compared as
 * URLs have them, and a server for this machine alone answers to this machine's names alone.
 *
 * @module
 */
import { createServer, type Log, type Options, type Server, silentLog } from "../server/mod.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./support/assert.ts";
import { serve } from "./support/harness.ts";
import { type Answer, RawSocket, type RequestOptions } from "./support/raw_socket.ts";

type Line = readonly [event: string, facts: Record<string, unknown>];

/** A listening server, and the warnings that it wrote. */
async function watched(options: Partial<Options> = {}): Promise<[server: Server, lines: Line[]]> {
  const lines: Line[] = [];
  const log: Log = {
    info() {},
    error() {},
    warn(event, { request: id, ...facts } = {}) {
      assert(id, "the line has the id of the request");
      lines.push([event, facts]);
    },
  };
  const server = await createServer({ port: 0, db: ":memory:", ...options }, { log });
  server.listen();
  return [server, lines];
}

async function ask(server: Server, options: RequestOptions): Promise<Answer> {
  using socket = await RawSocket.dial(server);
  return await socket.request(server, options);
}

const BODY = '{"payload":"x"}';

/** Every door: a request, and what it is answered when it is let in. */
const DOORS: readonly (readonly [what: string, request: RequestOptions, status: number])[] = [
  ["a WebSocket", {}, 101],
  ["the page", plain("/"), 200],
  ["a style sheet", plain("/page/style.css"), 200],
  ["the list of rooms", plain("/rooms"), 200],
  ["history", plain("/rooms/lobby/messages"), 200],
  ["a stream", { ...plain("/rooms/lobby/events"), method: "HEAD" }, 200],
  ["a post", {
    ...plain("/rooms/lobby/messages", {
      "content-type": "application/json",
      "content-length": String(BODY.length),
    }),
    method: "POST",
    body: BODY,
  }, 201],
  ["the health check", plain("/healthz"), 200],
];

function plain(path: string, headers: Record<string, string> = {}): RequestOptions {
  return { path, headers: { upgrade: null, connection: "close", ...headers } };
}

for (const [what, request, status] of DOORS) {
  Deno.test(`${what} on a loopback address answers to loopback names only`, async () => {
    const [server, lines] = await watched();
    await using _server = server;
    const port = server.port;
    const from = (host: string | null, origin?: string) =>
      ask(server, { ...request, headers: { ...request.headers, host, ...(origin && { origin }) } });
    for (const host of [`127.0.0.1:${port}`, "LocalHost", `a.localhost:${port}`, `[::1]:${port}`]) {
      assertEquals((await from(host)).status, status, host);
      assertEquals((await from(host, `http://${host.toLowerCase()}`)).status, status, host);
    }
    assertEquals((await from(null)).status, status, "no Host");
    assertEquals(lines, []);
    const evil = `evil.example:${port}`;
    for (const host of [evil, "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"]) {
      assertEquals((await from(host)).status, 421, host);
    }
    const refused = await from(evil, `http://${evil}`);
    assertEquals(refused.status, 421);
    if (request.method !== "HEAD") assertStringIncludes(refused.body, "--allow-origin");
    assertEquals(lines.at(-1), ["host refused", { host: evil }]);
    for (const host of ["a b", "user@localhost", "localhost/x", "localhost:99999", "[", "a, b"]) {
      assertEquals((await from(host)).status, 400, host);
    }
  });
}

/** When another name is answered, too. */
const KNOWN: readonly (readonly [what: string, options: Partial<Options>, host: string])[] = [
  ["a proxy is trusted", { trustProxies: 1 }, "chat.example"],
  ["its page's origin is allowed", { allowOrigin: ["https://chat.example:8443"] }, "chat.example"],
  ["it listens for everybody", { host: "0.0.0.0" }, "chat.example"],
  ["it is the --host", { host: "127.0.0.2" }, "127.0.0.2"],
];

for (const [what, options, host] of KNOWN) {
  Deno.test(`another name is answered when ${what}`, async () => {
    await using server = await serve(options);
    const { url } = server;
    const reached = { url: url.replace("0.0.0.0", "127.0.0.1") };
    using socket = await RawSocket.dial(reached);
    assertEquals((await socket.request(reached, { headers: { host } })).status, 101);
  });
}

Deno.test("--allow-origin '*' lets every page in, but knows no other name", async () => {
  await using server = await serve({ allowOrigin: ["*"] });
  const origin = "http://evil.example";
  assertEquals((await ask(server, { headers: { origin } })).status, 101);
  assertEquals((await ask(server, { headers: { host: "evil.example" } })).status, 421);
});

Deno.test("a program that has a listener of its own decides itself which hosts it serves", async () => {
  await using parley = await createServer({ db: ":memory:" });
  const listener = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request, info) => parley.fetch(request, info),
  );
  const server = { url: `http://127.0.0.1:${listener.addr.port}` };
  using socket = await RawSocket.dial(server);
  const { status } = await socket.request(server, plain("/rooms", { host: "chat.example" }));
  assertEquals(status, 200);
  await listener.shutdown();
});

Deno.test("a server listens once, and not after its stop", async () => {
  await using server = await serve();
  const { port } = server;
  assertThrows(() => server.listen(), Error, "listens already");
  assertEquals(server.port, port);
  await server.stop();
  const stopped = await createServer({ db: ":memory:", port: 0 }, { log: silentLog });
  await stopped.stop();
  assertThrows(() => stopped.listen(), Error, "was stopped");
});

/** An origin, the request's Host, and whether the page is the server's own. */
const OWN: readonly (readonly [origin: string, host: string, own: boolean])[] = [
  ["https://name.example", "name.example", true],
  ["https://name.example", "name.example:443", true],
  ["https://name.example", "NAME.Example", true],
  ["http://name.example", "name.example:80", true],
  ["http://name.example", "name.example", true],
  ["http://name.example:8080", "name.example:8080", true],
  ["https://name.example:8443", "name.example:8443", true],
  ["https://[::1]:8443", "[0:0::1]:8443", true],
  ["https://name.example", "name.example:80", false],
  ["http://name.example", "name.example:443", false],
  ["https://name.example:8443", "name.example", false],
  ["https://name.example", "name.example:8443", false],
  ["https://name.example", "other.example", false],
  ["https://name.example.evil.example", "name.example", false],
  ["https://user@name.example", "other.example", false],
  ["file://name.example", "name.example", false],
  ["name.example", "name.example", false],
];

Deno.test("an origin is our own if its host and port are the request's", async () => {
  const [server, lines] = await watched({ trustProxies: 1 });
  await using _server = server;
  for (const [origin, host, own] of OWN) {
    const what = `${origin} ${host}`;
    const headers = { origin, host };
    const socket = await ask(server, { headers });
    assertEquals(socket.status, own ? 101 : 403, what);
    const rest = await ask(server, plain("/rooms", headers));
    assertEquals(rest.status, own ? 200 : 403, what);
    if (own) continue;
    for (const { body } of [socket, rest]) {
      for (const part of [origin, host, "--allow-origin"]) assertStringIncludes(body, part);
    }
    assertEquals(lines.splice(0), Array(2).fill(["origin refused", { origin, host }]));
  }
  assertEquals(lines, []);
});

Deno.test("an allowed origin is one however it is written", async () => {
  await using server = await serve({ allowOrigin: ["https://chat.example"] });
  for (
    const origin of ["https://chat.example", "https://chat.example:443", "HTTPS://Chat.Example"]
  ) {
    assertEquals((await ask(server, { headers: { origin } })).status, 101, origin);
  }
});

Deno.test("only pages that were named may send cookies", async () => {
  const friend = "https://friend.example";
  const of = async (allowOrigin: string[], origin: string) => {
    await using server = await serve({ allowOrigin });
    const answer = await ask(server, plain("/rooms", { origin: origin || server.url }));
    assertEquals(answer.headers.get("access-control-allow-origin"), origin || server.url);
    return answer.headers.get("access-control-allow-credentials");
  };
  assertEquals(await of([friend], friend), "true");
  assertEquals(await of([friend, "*"], friend), "true");
  assertEquals(await of([], ""), "true");
  assertEquals(await of(["*"], friend), null);
  assertEquals(await of(["null"], "null"), null);
});

Deno.test("OPTIONS is answered 204 with what may be done, at every path", async () => {
  await using server = await serve();
  const paths = ["/", "*", "/ws", "/healthz", "/page/style.css", "/nowhere", "/rooms", "/hello"];
  for (const path of paths) {
    const { status, headers } = await ask(server, { ...plain(path), method: "OPTIONS" });
    assertEquals(status, 204, path);
    assert(headers.get("allow")?.includes("OPTIONS"), path);
  }
});
