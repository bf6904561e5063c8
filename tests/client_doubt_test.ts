/**
 * What the client library believes: only a refusal of this very server discards a token or a name, and
 * what is in the log moves the cursor whatever it is.
 *
 * @module
 */
import type { Event as WireEvent } from "../server/protocol/messages.ts";
import { Client, connect, type KeyValue, webSocket } from "../static/client/mod.ts";
import { withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals, assertNotEquals } from "./support/assert.ts";
import { member, patiently, serve } from "./support/harness.ts";
import { ask, tokenOf } from "./support/http.ts";
import { GatewayProxy } from "./support/gateway_proxy.ts";
import { chat, joined, me, room, scripted, welcome } from "./support/scripted_client.ts";

const QUICK = { backoffMs: { min: 5, max: 50 } };
const SHORT_TIMES = { webSocketTimeoutMs: 300, webSocketRetryMs: 60_000 };

function memory(kept: Record<string, string> = {}): KeyValue & { kept: Record<string, string> } {
  return {
    kept,
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => void (kept[key] = value),
  };
}

const savedAs = (token: string, name: string) =>
  memory({ "parley.me": JSON.stringify({ token, name }) });

// --- who one is ------------------------------------------------------------------------------------

const ANSWERS: readonly (readonly [what: string, status: number, type: string, body: string])[] = [
  ["JSON without a code", 503, "application/json", '{"message":"try later"}'],
  ["a page", 502, "text/html", "<h1>Bad Gateway</h1>"],
  ["nothing", 500, "text/plain", ""],
  ["a login of its own", 401, "application/json", '{"error":"log in at the gateway"}'],
  ["a portal", 200, "text/html", "<h1>Welcome to this hotel</h1>"],
  [
    "this server's own refusal for now",
    503,
    "application/problem+json",
    '{"status":503,"code":"unavailable","detail":"Later.","retryAfterMs":10}',
  ],
];

for (const [what, status, type, body] of ANSWERS) {
  Deno.test(`a gateway that answers hello with ${what} costs neither token, name nor message`, async () => {
    await using server = await serve();
    await using proxy = new GatewayProxy(server.url);
    const { id, token } = await tokenOf(server, "Ada");
    const identity = savedAs(token, "Ada");
    await using bob = await member(server, { name: "Bob" });
    const answered = proxy.answerOnce("/hello", { status, type, body });
    const ada = connect(`${proxy.url}/ws`, {
      ...QUICK,
      identity,
      transport: (url, handlers) => withFallback(SHORT_TIMES, url, handlers),
    });
    try {
      ada.join("lobby").catch(() => {});
      const stored = await patiently(ada.send("lobby", "kept", "r1"), "the message");
      await answered;
      assertEquals([stored.from, ada.user], [{ id, name: "Ada" }, { id, name: "Ada" }]);
      assertEquals((await bob.next("chat")).seq, 1);
      const { messages } = (await ask(server, "/rooms/lobby/messages")).json;
      assertEquals(messages.map(({ payload }) => payload), ["kept"]);
    } finally {
      ada.close();
    }
  });
}

Deno.test("a message whose answer a gateway replaced is stored once, by the same person", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  const ada = connect(`${proxy.url}/ws`, {
    ...QUICK,
    name: "Ada",
    transport: (url, handlers) => withFallback(SHORT_TIMES, url, handlers),
  });
  try {
    await patiently(ada.join("lobby"), "the room");
    const { user } = ada;
    const refusal = { status: 503, type: "application/json", body: '{"message":"try later"}' };
    void proxy.answerOnce("/messages", refusal, "after passing it on");
    void proxy.answerOnce("/hello", refusal);
    const stored = await patiently(ada.send("lobby", "once"), "the message");
    assertEquals([stored.seq, stored.from, ada.user], [1, user, user]);
    assertEquals((await ask(server, "/rooms/lobby/messages")).json.head, 1);
  } finally {
    ada.close();
  }
});

Deno.test("a message whose echo over WebSocket was lost is stored once, though a gateway then refuses hello", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  proxy.passesSockets = true;
  const identity = memory();
  const ada = connect(`${proxy.url}/ws`, {
    ...QUICK,
    identity,
    name: "Ada",
    transport: (url, handlers) => withFallback(SHORT_TIMES, url, handlers),
  });
  try {
    await patiently(ada.join("lobby"), "the room");
    const { user } = ada;
    const refused = proxy.answerOnce("/hello", {
      status: 503,
      type: "application/json",
      body: '{"message":"try later"}',
    });
    const swallowed = proxy.swallowEcho();
    const sent = ada.send("lobby", "once");
    await patiently(swallowed, "the echo, which is lost");
    assertEquals((await ask(server, "/rooms/lobby/messages")).json.head, 1);
    const stored = await patiently(sent, "the message");
    await refused;
    assertEquals([stored.seq, stored.from, ada.user], [1, user, user]);
    assertEquals((await ask(server, "/rooms/lobby/messages")).json.head, 1);
    assertEquals(JSON.parse(identity.kept["parley.me"] ?? "{}").name, "Ada");
  } finally {
    ada.close();
  }
});

for (const token of ["of.othertimes", "not a token"]) {
  Deno.test(`a kept token that the server refuses leaves the name: ${token}`, async () => {
    await using server = await serve();
    for (const over of ["WebSocket", "HTTP"]) {
      await using proxy = new GatewayProxy(server.url);
      const identity = savedAs(token, "Ada");
      const ada = connect(`${over === "HTTP" ? proxy.url : server.url}/ws`, {
        ...QUICK,
        identity,
        transport: (url, handlers) => withFallback(SHORT_TIMES, url, handlers),
      });
      try {
        await patiently(ada.join("lobby"), "the room");
        assertEquals(ada.user?.name, "Ada", over);
        const saved = JSON.parse(identity.kept["parley.me"] ?? "");
        assertEquals([saved.name, saved.token === token], ["Ada", false]);
      } finally {
        ada.close();
      }
    }
  });
}

Deno.test("a kept name that the server refuses leaves the token", async () => {
  await using server = await serve();
  const { id, token } = await tokenOf(server, "Ada");
  const ada = connect(`${server.url}/ws`, { ...QUICK, identity: savedAs(token, "\u202eada") });
  try {
    await patiently(ada.join("lobby"), "the room");
    assertEquals(ada.user?.id, id);
    assertNotEquals(ada.user?.name, "\u202eada");
  } finally {
    ada.close();
  }
});

Deno.test("a newer token of another tab survives the refusal of an older one", () => {
  const identity = savedAs("old", "Ada");
  using it = scripted(
    { type: "error", code: "unauthorized", payload: "", field: "token", ref: "hello" },
    { identity, ...QUICK },
  );
  assertEquals(it.sent.map((command) => Object(command).token), ["old", undefined]);
  assertEquals(it.sent.map((command) => Object(command).name), ["Ada", "Ada"]);
  assertEquals(JSON.parse(identity.kept["parley.me"] ?? ""), { name: "Ada" });
  identity.setItem("parley.me", JSON.stringify({ token: "new", name: "Countess" }));
  it.received(
    { type: "error", code: "unauthorized", payload: "", field: "token", ref: "hello" },
  );
  assertEquals(JSON.parse(identity.kept["parley.me"] ?? "").token, "new");
});

// --- what is in the log ------------------------------------------------------------------------------

/** An event of the log of a type that this client does not know. */
function unknown(seq: number, more: Record<string, unknown> = {}): WireEvent {
  return { ...chat(seq), type: "poll", ...more } as unknown as WireEvent; // no type of this version's
}

Deno.test("a stored event of an unknown type moves the cursor and is passed over", async () => {
  using it = scripted();
  it.received(joined(1), chat(1));
  it.received(unknown(2));
  const sent = it.client.send(room, "m3", "mine");
  await Promise.resolve();
  it.received(chat(3, me, "mine"));
  assertEquals((await sent).seq, 3);
  assertEquals(it.seqs, [1, 3]);
  it.closed(1006, "");
  it.client.retry();
  it.opened();
  it.received(welcome);
  const join = it.sent.findLast((command) => Object(command).type === "join");
  assertEquals(Object(join).since, { epoch: "e", seq: 3, rev: 0 });
});

Deno.test("a message of one's own that comes back as an unknown type is acknowledged", async () => {
  using it = scripted();
  it.received(joined(0));
  const sent = it.client.send(room, "hm", "mine");
  await Promise.resolve();
  it.received(unknown(1, { from: me, ref: "mine" }));
  assertEquals((await sent).seq, 1);
  assertEquals([it.client.unsent, it.seqs], [[], []]);
});

Deno.test("an event of an unknown type is not taken for one of the client's own", () => {
  using it = scripted();
  const states: unknown[] = [];
  it.client.addEventListener("state", ({ detail }) => states.push(detail));
  it.received({ type: "state", status: "closed" } as unknown as WireEvent);
  assertEquals(states, []);
});

// --- emit() ------------------------------------------------------------------------------------------

Deno.test("emit() says of each event whether it was sent, and lost tells of the others", async () => {
  await using server = await serve({ rate: 20, burst: 10 });
  await using bob = await member(server, { name: "Bob" });
  const ada = new Client(`${server.url}/ws`, QUICK);
  try {
    const errors: unknown[] = [];
    ada.on("lost", ({ command, error }) => {
      assert(command.type === "custom" && command.name === "cursor");
      errors.push(error.code);
    });
    assertEquals(ada.emit("lobby", "cursor", 0), false);
    await patiently(ada.join("lobby"), "the room");
    assertEquals([errors.shift(), ada.emit("attic", "cursor", 0)], ["not_in_room", false]);
    assertEquals(errors.shift(), "not_in_room");
    const sent = Array.from({ length: 60 }, (_, n) => ada.emit("lobby", "cursor", n));
    assert(sent.includes(true) && sent.includes(false));
    assertEquals(errors, sent.filter((was) => !was).map(() => "rate_limited"));
    const arrived = await bob.take("custom", sent.filter((was) => was).length);
    assertEquals(arrived.map(({ payload }) => payload), sent.flatMap((was, n) => was ? [n] : []));
  } finally {
    ada.close();
  }
});

Deno.test("nothing is sent on a connection that is closing: a browser would complain", () => {
  const sent: unknown[] = [];
  const original = globalThis.WebSocket;
  const fake = class extends EventTarget {
    readyState = 1;
    send(text: unknown) {
      sent.push(text);
    }
    close() {}
  };
  const sockets: InstanceType<typeof fake>[] = [];
  const value = function () {
    const socket = new fake();
    sockets.push(socket);
    return socket;
  };
  Object.defineProperty(globalThis, "WebSocket", { value, configurable: true, writable: true });
  try {
    const transport = webSocket("ws://test/ws", { opened() {}, received() {}, closed() {} });
    transport.send([{ type: "pong" }]);
    for (const socket of sockets) socket.readyState = 2;
    transport.send([{ type: "pong" }]);
    assertEquals(sent, ['[{"type":"pong"}]']);
    transport.close();
  } finally {
    Object.defineProperty(globalThis, "WebSocket", {
      value: original,
      configurable: true,
      writable: true,
    });
  }
});
