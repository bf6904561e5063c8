/**
 * An application's users among guests: what the others see of them, what they may change of themselves,
 * whom a session may become, and what waits while a token is checked.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, serve, told } from "./support/harness.ts";
import { ask, bearer, say, tokenOf } from "./support/http.ts";
import { Stream } from "./support/stream.ts";
import { claimsOf, JwksServer, SECRET, SigningKey, tokenFor } from "./support/tokens.ts";

const SINGLE = "parley.v1";
const INFO = { picture: "https://app.example/ada.png" };

function adasToken(claims: Record<string, unknown> = {}): Promise<string> {
  return tokenFor(claimsOf({ sub: "ada", name: "Ada", ...claims }));
}

function serveUsers(options = {}): Promise<Server> {
  return serve({ jwtSecret: SECRET, ...options });
}

/** A client of Ada's that is in the lobby. */
async function ada(server: Server, claims: Record<string, unknown> = {}) {
  const client = await connect(server, { protocol: SINGLE });
  client.send({ type: "hello", token: await adasToken(claims) }, { type: "join", room: "lobby" });
  await client.next("joined");
  return client;
}

Deno.test("others see a user's info, and who is a guest", async () => {
  await using server = await serveUsers({ graceSeconds: 0 });
  await using guest = await member(server, { name: "Gus" });
  await using user = await ada(server, { info: INFO });
  const shown = { id: "ada", name: "Ada", info: INFO };
  const joined = await guest.next("system", ({ kind }) => kind === "joined");
  assertEquals(joined.user, shown);
  user.send({ type: "chat", payload: "hi" }, { type: "custom", name: "x", payload: 1 }, {
    type: "typing",
    payload: true,
  });
  assertEquals((await guest.next("chat")).from, shown);
  assertEquals((await guest.next("custom")).from, shown);
  assertEquals((await guest.next("typing")).from, shown);
  guest.send({ type: "chat", payload: "hi" });
  const { from } = await user.next("chat", ({ from }) => from.id !== "ada");
  assertEquals([from.name, from.guest, from.info], ["Gus", true, undefined]);
  await using late = await Stream.open(server);
  const { members } = await late.next("joined");
  assertEquals(members.find(({ id }) => id === "ada"), shown);
  assertEquals(members.filter(({ guest }) => guest).length, 2); // Gus and the stream
  assertEquals((await say(server, "by nobody")).json.from.guest, true);
});

Deno.test("nobody is marked as a guest where there are only guests", async () => {
  await using server = await serve();
  await using guest = await member(server);
  guest.send({ type: "chat", payload: "hi" });
  assertEquals(Object.keys((await guest.next("chat")).from), ["id", "name"]);
});

Deno.test("a name of the application stays; what tries to change it is refused or passed over", async () => {
  await using server = await serveUsers();
  await using user = await ada(server);
  user.send({ type: "rename", name: "Root", ref: "r" });
  const { code, field, ref } = await user.next("error");
  assertEquals([code, field, ref], ["forbidden", "name", "r"]);
  user.send({ type: "hello", name: "Root" }, {
    type: "hello",
    name: "Root",
    token: await adasToken(),
  });
  for (const { user: { name } } of await user.take("welcome", 2)) assertEquals(name, "Ada");
  const byToken = bearer(await adasToken());
  assertEquals((await say(server, "x", { name: "Root" }, byToken)).json.from.name, "Ada");
  const hello = { method: "POST", body: { name: "Root" }, headers: byToken };
  assertEquals((await ask(server, "/hello", hello)).json.user.name, "Ada");
  await using stream = await Stream.open(server, {
    query: { name: "Root", token: await adasToken() },
  });
  assertEquals((await stream.next("welcome")).user.name, "Ada");
  await using plain = await connect(server, { path: `/ws?name=Root&token=${await adasToken()}` });
  assertEquals((await plain.next("welcome")).user.name, "Ada");
});

Deno.test("a token with another name renames the user everywhere", async () => {
  await using server = await serveUsers();
  await using old = await ada(server);
  await using guest = await member(server, { name: "Gus" });
  await using young = await ada(server, { name: "Ada Lovelace", info: INFO });
  assertEquals(
    (await guest.next("system", ({ kind }) => kind === "renamed")).user?.name,
    "Ada Lovelace",
  );
  old.send({ type: "chat", payload: "still me" });
  assertEquals((await young.next("chat")).from, { id: "ada", name: "Ada Lovelace", info: INFO });
});

Deno.test("a user whose token has no name may choose one", async () => {
  await using server = await serveUsers();
  await using user = await ada(server, { name: undefined });
  user.send({ type: "rename", name: "Countess" }, { type: "chat", payload: "x" });
  assertEquals((await user.next("chat")).from, { id: "ada", name: "Countess" });
});

Deno.test("a guest's hello may make it a user; a user's only the same user again", async () => {
  await using server = await serveUsers();
  const guest = await tokenOf(server, "Gus");
  await using client = await member(server, { name: "Nobody" });
  client.send({ type: "hello", token: guest.token });
  assertEquals((await client.next("welcome", ({ user }) => user.id === guest.id)).user.name, "Gus");
  client.send({ type: "hello", token: await adasToken() });
  assertEquals((await client.next("welcome")).user, { id: "ada", name: "Ada" });
  const others = [await adasToken({ sub: "grace" }), guest.token, await adasToken({ exp: 1 })];
  for (const token of others) {
    client.send({ type: "hello", token }, { type: "chat", payload: "I am" });
    const { code, field } = await client.next("error");
    assertEquals([code, field], ["unauthorized", "token"]);
    assertEquals((await client.next("chat")).from, { id: "ada", name: "Ada" });
  }
  client.send({ type: "hello" }, { type: "hello", token: await adasToken() });
  for (const { user } of await client.take("welcome", 2)) assertEquals(user.id, "ada");
});

for (const guests of ["none", "read", "write"] as const) {
  Deno.test(`with --guests ${guests} that is what guests may do, and users are not concerned`, async () => {
    await using server = await serveUsers({ guests });
    await using user = await ada(server);
    user.send({ type: "chat", payload: "hi" });
    await user.next("chat");
    const [reads, writes] = [guests !== "none", guests === "write"];
    await using guest = await connect(server, { protocol: SINGLE });
    guest.send({ type: "hello" }, { type: "join", room: "lobby" });
    await guest.next("welcome");
    if (reads) assertEquals((await guest.next("joined")).right, guests);
    else assertEquals((await guest.next("error")).code, "unauthorized");
    guest.send({ type: "chat", payload: "hello" });
    if (writes) {
      assertEquals(
        (await guest.next("chat", ({ payload }) => payload === "hello")).from.guest,
        true,
      );
    } else {await guest.next("error", ({ code }) =>
        code === (reads ? "unauthorized" : "not_in_room"));}
    const { token } = await tokenOfGuest(server);
    for (const headers of [{}, bearer(token)]) {
      assertEquals(
        (await ask(server, "/rooms/lobby/messages", { headers })).status,
        reads ? 200 : 401,
      );
      assertEquals((await ask(server, "/rooms", { headers })).json.rooms.length, reads ? 1 : 0);
      assertEquals((await say(server, "x", {}, headers)).status, writes ? 201 : 401);
      const typing = { method: "POST", body: { payload: true }, headers };
      assertEquals((await ask(server, "/rooms/lobby/typing", typing)).status, writes ? 204 : 401);
    }
    assertEquals((await say(server, "x", {}, bearer(await adasToken()))).status, 201);
  });
}

async function tokenOfGuest(server: Server): Promise<{ readonly token: string }> {
  return (await ask(server, "/hello", { method: "POST", body: {} })).json;
}

Deno.test("what a client says while its token is checked waits in order, and others do not", async () => {
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  jwks.mood = "hangs";
  await using server = await serve({ jwks: jwks.url });
  await using client = await connect(server, { protocol: "parley.v1.batched" });
  const token = await key.sign(claimsOf({ name: "Ada" }));
  client.send(
    [{ type: "hello", token }, { type: "join", room: "lobby" }, { type: "chat", payload: "0" }],
    { type: "chat", payload: "1" },
    [{ type: "chat", payload: "2" }, { type: "chat", payload: "3" }],
  );
  await using guest = await member(server, { name: "Gus" });
  guest.send({ type: "chat", payload: "first" });
  await guest.next("chat");
  assertEquals(client.pending, []);
  jwks.release();
  const said = await guest.take("chat", 4);
  assertEquals(said.map(({ payload }) => payload), ["0", "1", "2", "3"]);
  assertEquals(said.map(({ from }) => from.id), Array(4).fill("ada"));
  assertEquals(client.pending[0]?.type, "welcome");
});

Deno.test("a client that leaves while its token is checked leaves nothing behind", async () => {
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  jwks.mood = "hangs";
  await using server = await serve({ jwks: jwks.url });
  const token = await key.sign(claimsOf());
  await using client = await connect(server, { path: `/ws?token=${token}` });
  await jwks.asked();
  await client.close();
  jwks.release();
  await using user = await connect(server, { path: `/ws?token=${token}` });
  assertEquals((await user.next("joined")).memberCount, 1);
  assertEquals(server.connectionCount, 1);
});

Deno.test("while the keys cannot be read every door says unavailable, and when to come back", async () => {
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  jwks.mood = "fails";
  await using server = await serve({ jwks: jwks.url });
  const token = await key.sign(claimsOf());
  const { status, headers, json } = await say(server, "x", {}, bearer(token));
  assertEquals([status, json.code], [503, "unavailable"]);
  assert(Number(headers.get("retry-after")) > 0 && json.retryAfterMs > 0);
  await using plain = await connect(server, { path: `/ws?token=${token}` });
  const { code, retryAfterMs = 0 } = await plain.next("error");
  assert(code === "unavailable" && retryAfterMs > 0);
  assertEquals((await plain.closed).code, 1013);
  await using client = await member(server);
  client.send({ type: "hello", token, ref: "h" });
  assertEquals((await client.next("error")).code, "unavailable");
  assertEquals((await told(client)).length, 0); // it is still the guest that it was, and connected
  const accept = { accept: "text/event-stream" };
  await using stream = await Stream.open(server, { query: { token }, headers: accept });
  assertEquals((await stream.next("error")).code, "unavailable");
  assert((stream.retry ?? 0) > 0);
});

Deno.test("a log that throws harms nobody, also where nobody waits for what it is told", async () => {
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  jwks.mood = "fails";
  const fail = () => {
    throw new Error("no log");
  };
  await using server = await serve({ jwks: jwks.url }, {
    log: { info: fail, warn: fail, error: fail },
  });
  const headers = bearer(await key.sign(claimsOf()));
  assertEquals((await say(server, "x", {}, headers)).json.code, "unavailable");
  assertEquals((await say(server, "by a guest")).status, 201);
});
