/**
 * A token that ends: the client is told, goes on reading for a grace in which it may not write, and goes
 * on as before with a new token. Without one its connection is closed.
 *
 * @module
 */
import { CLOSE, type Right, type Server } from "../server/mod.ts";
import { GRACE_MS, TokenEnd } from "../server/rooms/token_end.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { MovedClock } from "./support/moved_clock.ts";
import { ask, bearer, say } from "./support/http.ts";
import { Stream } from "./support/stream.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

const SINGLE = "parley.v1";
const HOUR_MS = 3_600_000;

/** A token that is good for an hour. */
function tokenOf(claims: Record<string, unknown> = {}): Promise<string> {
  return tokenFor(claimsOf({ sub: "ada", name: "Ada", ...claims }));
}

function serveUsers(): Promise<Server> {
  return serve({ jwtSecret: SECRET });
}

/** Ada, whose name is not fixed, in the lobby and in two rooms that she may read. */
async function ada(server: Server): Promise<Client> {
  const client = await connect(server, { protocol: SINGLE });
  const rooms: Record<string, Right> = { lobby: "write", notes: "read", gone: "read" };
  client.send({ type: "hello", token: await tokenOf({ rooms, name: undefined }) });
  for (const room of Object.keys(rooms)) client.send({ type: "join", room });
  for (const _ of Object.keys(rooms)) await client.next("joined");
  return client;
}

async function ended(client: Client): Promise<void> {
  const { code, field, retryAfterMs } = await client.next("error");
  assertEquals([code, field, retryAfterMs], ["unauthorized", "token", GRACE_MS]);
}

Deno.test("in the grace after its token a session reads, and whatever it writes is refused", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers();
  await using other = await member(server, { name: "Gus" });
  await using client = await ada(server);
  client.send({ type: "chat", payload: "before" });
  await client.next("chat");
  client.send({ type: "typing", payload: true });
  assertEquals((await other.next("typing")).payload, true);
  clock.pass(HOUR_MS);
  await ended(client);
  assertEquals((await other.next("typing")).payload, false); // she may not say so herself now
  other.send({ type: "chat", payload: "still heard" });
  assertEquals((await client.next("chat")).payload, "still heard");
  const writes = [
    { type: "chat", payload: "x" },
    { type: "custom", name: "x", payload: 1 },
    { type: "custom", name: "x", payload: 1, durable: true },
    { type: "typing", payload: true },
    { type: "rename", name: "Root" },
    { type: "hello", name: "Root" },
    { type: "join", room: "another" },
  ];
  for (const [index, write] of writes.entries()) {
    client.send({ ...write, ref: `${index}` });
    const { code, ref } = await client.next("error");
    assertEquals([code, ref], ["unauthorized", `${index}`], write.type);
  }
  await told(client);
  const { json } = await ask(server, "/rooms/lobby/messages");
  assertEquals(json.messages.map(({ payload }) => payload), ["before", "still heard"]);
  assertEquals((await told(other)).filter(({ type }) => type !== "system" && type !== "chat"), []);
});

Deno.test("a hello with a new token goes on, and judges all rights anew", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers();
  await using client = await ada(server);
  clock.pass(HOUR_MS);
  await ended(client);
  clock.pass(GRACE_MS - 1000);
  const rooms = { lobby: "read", notes: "write", gone: "none" };
  client.send({ type: "hello", token: await tokenOf({ sub: "grace" }) });
  assertEquals((await client.next("error")).retryAfterMs, undefined);
  client.send({ type: "hello", token: await tokenOf({ rooms }) });
  const rights = (await client.take("right", 3)).map(({ room, right }) => [room, right]);
  assertEquals(Object.fromEntries(rights), rooms);
  await client.next("welcome");
  client.send({ type: "chat", room: "notes", payload: "new" });
  assertEquals((await client.next("chat")).payload, "new");
  for (const [room, code] of [["lobby", "forbidden"], ["gone", "not_in_room"]] as const) {
    client.send({ type: "chat", room, payload: "x" });
    assertEquals((await client.next("error")).code, code);
  }
});

Deno.test("a token is renewed before it ends without a word", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers();
  await using client = await ada(server);
  clock.pass(HOUR_MS / 2);
  client.send({ type: "hello", token: await tokenOf() });
  await client.next("welcome");
  clock.pass(HOUR_MS / 2 + GRACE_MS);
  client.send({ type: "chat", payload: "on" });
  assertEquals((await client.next("chat")).payload, "on");
});

Deno.test("without a new token the connection is closed with 3000, after the grace", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers();
  const token = await tokenOf();
  await using client = await connect(server, { protocol: SINGLE });
  client.send({ type: "hello", token });
  await using plain = await connect(server, { path: `/ws?token=${token}` });
  await using stream = await Stream.open(server, { query: { token } });
  for (const socket of [client, plain]) await socket.next("welcome");
  await stream.next("joined");
  clock.pass(HOUR_MS);
  for (const socket of [client, plain]) await ended(socket);
  await stream.next("error", ({ code }) => code === "unauthorized");
  clock.pass(GRACE_MS);
  for (const socket of [client, plain]) {
    assertEquals((await socket.closed).code, CLOSE.unauthorized);
  }
  while (await stream.event() !== undefined);
  await until(() => server.connectionCount === 0, "all connections to be gone");
});

Deno.test("a connection that goes, in time or in the grace, leaves no timer", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers();
  const early = await connect(server, { path: `/ws?token=${await tokenOf()}` });
  await early.next("joined");
  await early.close();
  const late = await connect(server, { path: `/ws?token=${await tokenOf()}` });
  await late.next("joined");
  clock.pass(HOUR_MS);
  await ended(late);
  await late.close();
  // The sanitizers look for timers.
});

Deno.test("a request with a token that has ended is refused, after the 30 seconds of skew", async () => {
  await using server = await serveUsers();
  const old = bearer(await tokenOf({ exp: Date.now() / 1000 - 31 }));
  assertEquals((await say(server, "x", {}, old)).json.code, "unauthorized");
  const skewed = bearer(await tokenOf({ exp: Date.now() / 1000 - 1 }));
  assertEquals((await say(server, "x", {}, skewed)).status, 201);
});

Deno.test("an expiresAt of the hook holds as a token's exp does, and one in the past is refused", async () => {
  using clock = new MovedClock();
  let expiresAt = Date.now() - 1;
  const authenticate = () => ({ id: "ada", name: "Ada", expiresAt });
  await using server = await serve({}, { authenticate });
  assertEquals((await say(server, "x")).json.code, "unauthorized");
  await using refused = await connect(server);
  assertEquals((await refused.next("error")).code, "unauthorized");
  assertEquals((await refused.closed).code, CLOSE.unauthorized);
  expiresAt = Date.now() + HOUR_MS;
  await using client = await connect(server);
  await client.next("joined");
  clock.pass(HOUR_MS);
  await ended(client);
  expiresAt = Date.now() + HOUR_MS;
  client.send({ type: "hello", token: "any" }, { type: "chat", payload: "on" });
  assertEquals((await client.next("chat")).from.id, "ada");
});

Deno.test("TokenEnd waits longer than a timer can, and not less than it should", () => {
  using clock = new MovedClock();
  const never = () => assert(false);
  const end = new TokenEnd(8.64e15, { tokenEnded: never, graceEnded: never });
  clock.pass(2 ** 31);
  end.cancel();
  assertEquals([clock.longestMs, end.hasEnded], [2 ** 31 - 1, false]);
});
