/**
 * The client library of a user who is removed, banned, muted, disconnected, or whose token ends: against
 * the real server, over WebSocket and over HTTP.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { GRACE_MS } from "../server/rooms/token_end.ts";
import { type Client, ClientError, connect } from "../static/client/mod.ts";
import { withFallback } from "../static/client/fallback.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { GatewayProxy } from "./support/gateway_proxy.ts";
import { member, patiently, serve, until } from "./support/harness.ts";
import { MovedClock } from "./support/moved_clock.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

const HOUR_MS = 3_600_000;
const QUICK = { backoffMs: { min: 5, max: 50 } };

interface Told {
  readonly client: Client;
  readonly id: string;
  /** What `right` and `error` told. */
  readonly events: unknown[];
  readonly texts: string[];
}

/** Registers a test over WebSocket and over HTTP, with Ada in the lobby and in the attic. */
function test(
  behaviour: string,
  act: (server: Server, ada: Told) => Promise<void>,
): void {
  for (const over of ["WebSocket", "HTTP"]) {
    Deno.test(`over ${over}: ${behaviour}`, async () => {
      await using server = await serve();
      await using proxy = new GatewayProxy(server.url);
      const client = connect(over === "HTTP" ? proxy.url : server.url, {
        ...QUICK,
        transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 500 }, url, handlers),
      });
      const told: Told = { client, id: "", events: [], texts: [] };
      client.on(
        "right",
        ({ right, payload, seconds }) => told.events.push(right, payload, seconds),
      );
      client.on("error", ({ code, payload }) => told.events.push(code, payload));
      client.on("chat", ({ payload }) => told.texts.push(payload));
      try {
        await patiently(Promise.all([client.join("lobby"), client.join("attic")]), "the rooms");
        await act(server, { ...told, id: client.user?.id ?? "" });
      } finally {
        client.close();
      }
    });
  }
}

test("who is muted is told why and how long, and may write again later", async (server, ada) => {
  await server.mute("lobby", ada.id, { seconds: 600, payload: "Calm down." });
  await until(() => ada.client.right("lobby") === "read", "the mute");
  assertEquals(ada.events, ["read", "Calm down.", 600]);
  const { code } = await assertRejects(() => ada.client.send("lobby", "but"), ClientError);
  assertEquals([code, ada.client.right("attic")], ["forbidden", "write"]);
  await server.unmute("lobby", ada.id);
  await until(() => ada.client.right("lobby") === "write", "the end of it");
  await patiently(ada.client.send("lobby", "sorry"), "the message");
});

test("who is removed is out of that room alone, and may come back", async (server, ada) => {
  await using bob = await member(server, { name: "Bob" });
  await server.remove("lobby", ada.id, { payload: "Enough for today." });
  await until(() => ada.client.right("lobby") === undefined, "the removal");
  assertEquals(ada.events, ["none", "Enough for today.", undefined]);
  bob.send({ type: "chat", payload: "unheard" });
  await bob.next("chat");
  await patiently(ada.client.send("attic", "still here"), "the message");
  await until(() => ada.texts.length > 0, "the message");
  assertEquals(ada.texts, ["still here"]);
  await patiently(ada.client.join("lobby"), "coming back");
  await until(() => ada.texts.length > 1, "what was missed");
});

test("who is banned is told so, and is refused", async (server, ada) => {
  await server.ban("lobby", ada.id, { payload: "Spam." });
  await until(() => ada.client.right("lobby") === undefined, "the ban");
  const { code } = await assertRejects(
    () => patiently(ada.client.join("lobby"), "the refusal"),
    ClientError,
  );
  assertEquals([code, ada.events.slice(0, 3)], ["forbidden", ["none", "Spam.", undefined]]);
  assertEquals(ada.client.right("attic"), "write");
});

test("who is disconnected stops, with the reason", async (server, ada) => {
  await server.disconnect(ada.id, { payload: "Goodbye." });
  await until(() => ada.client.state.status === "closed", "the end");
  assertEquals(ada.client.state, { status: "closed", code: 3003, reason: "Goodbye." });
  await until(() => server.connectionCount === 0, "the connection to be gone");
});

/** Ada's tokens: each is good for an hour after it was asked for. */
function tokens() {
  const asked: string[] = [];
  return {
    asked,
    async token() {
      const token = await tokenFor(claimsOf({ sub: "ada", name: "Ada", jti: `${asked.length}` }));
      asked.push(token);
      return token;
    },
  };
}

for (const over of ["WebSocket", "HTTP"]) {
  Deno.test(`over ${over}: a token that ends is renewed, and nobody notices`, async () => {
    using clock = new MovedClock();
    await using server = await serve({ jwtSecret: SECRET });
    await using proxy = new GatewayProxy(server.url);
    const { asked, token } = tokens();
    const client = connect(over === "HTTP" ? proxy.url : server.url, {
      ...QUICK,
      token,
      transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 500 }, url, handlers),
    });
    const states: string[] = [];
    try {
      await patiently(client.join("lobby"), "the room");
      assertEquals(client.user, { id: "ada", name: "Ada" });
      client.on("state", ({ status }) => states.push(status));
      const renewed = new Promise((resolve) => client.on("welcome", resolve));
      clock.pass(HOUR_MS);
      const sent = client.send("lobby", "in between");
      await patiently(renewed, "the renewal");
      await patiently(sent, "the message");
      clock.pass(GRACE_MS + 1_000);
      await patiently(client.send("lobby", "later"), "another message");
      assertEquals(asked.length, 2);
      assert(over === "HTTP" || states.length === 0, "it stays connected");
    } finally {
      client.close();
    }
  });
}

Deno.test("a token that ends and is not renewed ends the client", async () => {
  using clock = new MovedClock();
  await using server = await serve({ jwtSecret: SECRET });
  const client = connect(server.url, { ...QUICK, token: await tokens().token() });
  try {
    await patiently(client.join("lobby"), "the room");
    clock.pass(HOUR_MS);
    await until(() => client.state.status === "closed", "the end");
    assert(client.state.status === "closed");
    assertEquals(client.state.code, 3000);
  } finally {
    client.close();
  }
});

for (const over of ["WebSocket", "HTTP"]) {
  Deno.test(`over ${over}: a guest who may not enter or speak is told so once, and nothing waits for ever`, async () => {
    await using server = await serve({}, { rules: [{ match: "team", guests: "none" }] });
    await using readers = await serve({ guests: "read" });
    await using strict = await serve({ guests: "none" });
    for (const [at, room] of [[server, "team"], [strict, "team"], [readers, "lobby"]] as const) {
      await using proxy = new GatewayProxy(at.url);
      const client = connect(over === "HTTP" ? proxy.url : at.url, {
        ...QUICK,
        transport: (url, handlers) => withFallback({ webSocketTimeoutMs: 500 }, url, handlers),
      });
      const asked: Promise<unknown> = at === readers
        ? client.join(room).then(() => client.send(room, "hello"))
        : client.join(room);
      try {
        const { code } = await assertRejects(() => patiently(asked, "the refusal"), ClientError);
        assertEquals(code, at === server ? "forbidden" : "unauthorized");
        assertEquals([client.state.status, client.unsent], ["open", []]);
      } finally {
        client.close();
      }
    }
  });
}

Deno.test("a manager mutes, bans and removes, and what is refused says why", async () => {
  await using server = await serve({}, {
    authenticate: ({ token = "" }) =>
      token === "" ? undefined : { id: token, rooms: { lobby: "manage" } },
  });
  await using ada = await member(server);
  const [{ id = "" } = {}] = (await server.members("lobby")).members;
  const mia = connect(server.url, { ...QUICK, token: "mia" });
  const told = async () => {
    const { right, payload, seconds } = await ada.next("right");
    return [right, payload, seconds];
  };
  await patiently(mia.join("lobby"), "the room");
  await mia.moderate("lobby", "mute", id, { seconds: 60, payload: "Hush." });
  assertEquals(await told(), ["read", "Hush.", 60]);
  await mia.moderate("lobby", "unmute", id);
  assertEquals(await told(), ["write", undefined, undefined]);
  await mia.moderate("lobby", "remove", id, { payload: "Enough, “Ada”." });
  assertEquals(await told(), ["none", "Enough, “Ada”.", undefined]);
  ada.send({ type: "join", room: "lobby" });
  await ada.next("joined");
  await mia.moderate("lobby", "ban", id);
  assertEquals((await told())[0], "none");
  await mia.moderate("lobby", "unban", id);
  const { code } = await assertRejects(() => mia.moderate("lobby", "mute", "mia"), ClientError);
  assertEquals(code, "forbidden");
  mia.close();
});
