/**
 * The client library of a user whom the application vouches for: it asks for a token when it needs one,
 * renews it on the open connection, and stops when there is no other.
 *
 * @module
 */
import type { Event as WireEvent, WelcomeEvent } from "../server/protocol/messages.ts";
import type { ClientOptions, KeyValue } from "../static/client/mod.ts";
import { connect } from "../static/client/mod.ts";
import { withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { GatewayProxy } from "./support/gateway_proxy.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { chat, fakeTransport, joined, me, room, welcome } from "./support/scripted_client.ts";

const AT_ONCE = { backoffMs: { min: 0, max: 0 } };
const { token: _, ...ofUser } = welcome;
/** The answer to a `hello` with a token of the application. */
const welcomeUser: WelcomeEvent = ofUser;

function refusedHello(code: "unauthorized" | "forbidden", payload: string): WireEvent {
  return { type: "error", code, payload, ref: "hello" };
}

const tokenEnded: WireEvent = {
  type: "error",
  code: "unauthorized",
  payload: "The token has ended.",
  field: "token",
  retryAfterMs: 25_000,
};

/** Tokens that a test gives one after the other, and how often the client asked. */
function tokens(...given: readonly (string | Error | undefined)[]) {
  let asked = 0;
  return {
    get asked() {
      return asked;
    },
    async source() {
      const next = given[Math.min(asked++, given.length - 1)];
      await Promise.resolve();
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

/** A client over a transport that the test plays. */
function scripted(options: ClientOptions) {
  const fake = fakeTransport();
  const client = connect("ws://test/ws", { ...AT_ONCE, ...options, transport: fake.open });
  const sent = (type: string) => fake.sent.filter((command) => Object(command).type === type);
  return {
    ...fake,
    client,
    tokens: () => sent("hello").map((command) => Object(command).token),
    texts: () => sent("chat").map((command) => Object(command).payload),
    /** Opens the transport, as soon as there is one, and answers as the server does. */
    async welcomed(event: WireEvent = welcomeUser) {
      await until(() => fake.isOpening(), "a transport");
      fake.opened();
      fake.received(event);
    },
    async closedWith(code: number) {
      await until(() => client.state.status === "closed", "the end");
      assert(client.state.status === "closed");
      assertEquals(client.state.code, code);
      return client.state.reason;
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function memory(saved: Record<string, string>): KeyValue {
  return {
    getItem: (key) => saved[key] ?? null,
    setItem: (key, value) => void (saved[key] = value),
  };
}

Deno.test("the application's token goes first, and what is saved of a guest stays as it is", async () => {
  const guest = JSON.stringify({ token: "guest", name: "Guest of old" });
  const saved = { "parley.me": guest };
  using it = scripted({ token: "user", identity: memory(saved) });
  await it.welcomed();
  assertEquals(it.sent, [{ type: "hello", ref: "hello", token: "user" }]);
  assertEquals([it.client.user, it.client.state.status], [me, "open"]);
  it.received({
    type: "system",
    room,
    payload: "",
    kind: "renamed",
    user: { ...me, name: "Countess" },
    memberCount: 1,
  });
  assertEquals(saved, { "parley.me": guest });
});

Deno.test("a token that is undefined makes a guest, who is kept as always", async () => {
  const saved: Record<string, string> = {};
  using it = scripted({ token: () => undefined, identity: memory(saved), name: "Ada" });
  await it.welcomed(welcome);
  assertEquals(it.sent, [{ type: "hello", ref: "hello", name: "Ada" }]);
  assertEquals(JSON.parse(saved["parley.me"] ?? ""), { token: "t", name: "Me" });
});

Deno.test("a token is asked for before every connection", async () => {
  const { source } = tokens("one", "two", "three");
  using it = scripted({ token: source });
  for (const expected of [["one"], ["one", "two"], ["one", "two", "three"]]) {
    await it.welcomed();
    assertEquals(it.tokens(), expected);
    it.closed(1006, "");
  }
});

Deno.test("a token that cannot be had before a connection is asked for again, and an error says why", async () => {
  using it = scripted({ token: tokens(new Error("the login is away"), "two").source });
  const errors: unknown[] = [];
  it.client.on("error", ({ code, payload }) => errors.push(code, payload));
  await it.welcomed();
  assertEquals(it.tokens(), ["two"]);
  assertEquals(errors, ["unauthorized", "Error: the login is away"]);
});

Deno.test("a token that ends is renewed on the open connection, and nothing that was sent is lost", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let asked = 0;
  using it = scripted({ token: () => ++asked === 1 ? "one" : promise });
  const states: string[] = [];
  it.client.on("state", ({ status }) => states.push(status));
  it.client.join(room);
  await it.welcomed();
  it.received(joined(0));
  const early = it.client.send(room, "early", "r1");
  await Promise.resolve();
  it.received(tokenEnded);
  // What was under way is refused, and may say again that the token ended.
  it.received({ type: "error", code: "unauthorized", payload: "", field: "token", ref: "r1" });
  it.received(tokenEnded);
  const late = it.client.send(room, "late", "r2");
  await Promise.resolve();
  assertEquals(it.texts(), ["early"]);
  resolve("two");
  await until(() => it.tokens().length === 2, "another hello");
  it.received(tokenEnded); // on its way before the server read that
  it.received({ ...welcomeUser, user: { ...me, info: { level: 2 } } });
  assertEquals([it.tokens(), it.texts(), asked], [["one", "two"], ["early", "early", "late"], 2]);
  it.received(chat(1, me, "r1"), chat(2, me, "r2"));
  assertEquals([(await early).seq, (await late).seq], [1, 2]);
  assertEquals([it.client.user?.info, states, asked], [{ level: 2 }, ["open"], 2]);
});

Deno.test("close code 3000: the client comes back with a new token, as often as there is one", async () => {
  using it = scripted({ token: tokens("one", "two", "three", "three").source });
  for (const _ of [1, 2, 3]) {
    await it.welcomed();
    it.closed(3000, "unauthorized");
  }
  assertEquals(await it.closedWith(3000), "unauthorized");
  assertEquals(it.tokens(), ["one", "two", "three"]);
});

Deno.test("a refused hello: the client comes back with a new token, as often as there is one", async () => {
  using it = scripted({ token: tokens("one", "two", "two").source });
  await it.welcomed(refusedHello("unauthorized", "Who is that?"));
  await it.welcomed(refusedHello("unauthorized", "And that?"));
  assertEquals([await it.closedWith(3000), it.tokens()], ["And that?", ["one", "two"]]);
});

const REFUSALS: readonly (readonly [string, (it: ReturnType<typeof scripted>) => void])[] = [
  ["the server closes with 3000", (it) => it.closed(3000, "unauthorized")],
  ["the token ends", (it) => it.received(tokenEnded)],
];
for (const [when, refuse] of REFUSALS) {
  Deno.test(`a token that cannot be renewed when ${when} closes the client, with the reason`, async () => {
    const { source } = tokens("one", new Error("logged out"));
    const saved: Record<string, string> = {};
    using it = scripted({ token: source, outbox: memory(saved) });
    await it.welcomed();
    const sent = it.client.send(room, "unsent", "r1").catch(({ code }) => code);
    await Promise.resolve();
    refuse(it);
    assertEquals(await it.closedWith(3000), "Error: logged out");
    assertEquals(await sent, "closed");
    assert(saved["parley.unsent"]?.includes("r1"), "the next client has it");
  });

  Deno.test(`a token that is a text ends the client when ${when}`, async () => {
    using it = scripted({ token: "one" });
    await it.welcomed();
    refuse(it);
    await it.closedWith(3000);
    assertEquals(it.tokens(), ["one"]);
  });
}

Deno.test("where guests may not be, a guest is told so and does not come again and again", async () => {
  using it = scripted({});
  await it.welcomed(refusedHello("unauthorized", "There are no guests here."));
  assertEquals(await it.closedWith(3000), "There are no guests here.");
});

Deno.test("without a token the client comes back with its cookie when that ends, and stops when it is refused", async () => {
  using it = scripted({});
  await it.welcomed();
  it.received(tokenEnded);
  await it.welcomed();
  assertEquals(it.client.state.status, "open");
  it.closed(1006, "");
  await until(() => it.isOpening(), "a transport");
  it.opened();
  it.received({ type: "error", code: "unauthorized", payload: "Log in.", field: "token" });
  it.closed(3000, "unauthorized");
  await it.closedWith(3000);
});

Deno.test("close code 3000 costs a guest nothing but the connection", async () => {
  using it = scripted({});
  await it.welcomed(welcome);
  it.closed(3000, "unauthorized");
  await it.welcomed(welcome);
  assertEquals([it.tokens(), it.client.state.status], [[undefined, "t"], "open"]);
});

Deno.test("close code 3003, or hello refused with forbidden: the client does not come back", async () => {
  for (const how of ["close", "hello"]) {
    const { source } = tokens("one", "two");
    using it = scripted({ token: source });
    if (how === "hello") await it.welcomed(refusedHello("forbidden", "You are banned."));
    else {
      await it.welcomed();
      it.closed(3003, "You are banned.");
    }
    assertEquals([await it.closedWith(3003), it.tokens()], ["You are banned.", ["one"]]);
  }
});

Deno.test("a token that comes after close() opens nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  using it = scripted({ token: () => promise });
  it.client.close();
  resolve("late");
  await promise;
  await Promise.resolve();
  assertEquals(it.isOpening(), false);
});

// --- over HTTP -------------------------------------------------------------------------------------

function problem(status: number, code: string, detail: string) {
  const body = JSON.stringify({ status, code, detail });
  return { status, type: "application/problem+json", body };
}

/** A client that is in the lobby over HTTP, as the guest whose token is given first. */
async function overHttp(server: { readonly url: string }) {
  const proxy = new GatewayProxy(server.url);
  const response = await fetch(`${server.url}/hello`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const guest: WelcomeEvent = await response.json();
  const given = tokens(guest.token);
  const client = connect(proxy.url, {
    backoffMs: { min: 5, max: 20 },
    token: given.source,
    transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 300 }, url, handlers),
  });
  await patiently(client.join("lobby"), "the room");
  return { proxy, client, given, user: guest.user };
}

for (const path of ["/messages", "/events", "/hello"]) {
  Deno.test(`over HTTP 401 to ${path} asks for another token, and ends the client without one`, async () => {
    await using server = await serve();
    const { proxy, client, user } = await overHttp(server);
    await using _proxy = proxy;
    assertEquals(client.user, user);
    const answered = proxy.answerOnce(path, problem(401, "unauthorized", "The token has ended."));
    if (path === "/messages") client.send("lobby", "hm").catch(() => {});
    else if (path === "/hello") client.retry();
    else client.join("another").catch(() => {});
    await patiently(answered, "the refusal");
    await until(() => client.state.status === "closed", "the end");
    assert(client.state.status === "closed");
    assertEquals([client.state.code, client.state.reason], [3000, "The token has ended."]);
  });
}

Deno.test("over HTTP 403 to hello ends the client, with the sentence", async () => {
  await using server = await serve();
  await using proxy = new GatewayProxy(server.url);
  void proxy.answerOnce("/hello", problem(403, "forbidden", "You are banned."));
  const client = connect(proxy.url, {
    transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 300 }, url, handlers),
  });
  await until(() => client.state.status === "closed", "the end");
  assertEquals(client.state, { status: "closed", code: 3003, reason: "You are banned." });
});
