/**
 * Taking back: removed, banned, muted and disconnected users, from when on they read and write what. Each
 * test runs on one node, and on two over Redis and over a storing thread, where one is asked and the users are
 * on the other.
 *
 * @module
 */
import { CLOSE, type Options, type Right, type Server } from "../server/mod.ts";
import type { Hooks } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { ask, bearer, MESSAGES, say } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";
import { Threads } from "./support/threads.ts";

/** Where orders are given, and where the users are. */
interface Nodes {
  readonly asked: Server;
  readonly server: Server;
}

const OPTIONS: Partial<Options> = { graceSeconds: 0.05, trustProxies: 1 };
/** Another address than that of everybody else: the ban of a guest binds the address too. */
const ELSEWHERE = { "x-forwarded-for": "192.0.2.7" };

/** Registers a test for one node, and for two. */
function test(behaviour: string, act: (nodes: Nodes) => Promise<void>, hooks: Hooks = {}): void {
  Deno.test(`on the same node: ${behaviour}`, async () => {
    await using server = await serve(OPTIONS, hooks);
    await act({ asked: server, server });
  });
  Deno.test(`on another thread: ${behaviour}`, async () => {
    await using threads = await Threads.start(OPTIONS);
    await using asked = await threads.serve({}, hooks);
    await using server = await threads.serve({}, hooks);
    await act({ asked, server });
  });
  Deno.test({
    name: `on another node: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      const options = { ...OPTIONS, redis: redis.url };
      await using asked = await serve(options, hooks);
      await using server = await serve(options, hooks);
      await act({ asked, server });
    },
  });
}

/** One user, by every way in. */
interface Everywhere extends AsyncDisposable {
  readonly id: string;
  readonly token: string;
  readonly sockets: readonly Client[];
  readonly stream: Stream;
}

async function everywhere(server: Server): Promise<Everywhere> {
  const first = await connect(server, { protocol: "parley.v1" });
  first.send({ type: "hello", name: "Bob" }, { type: "join" });
  const { user: { id }, token = "" } = await first.next("welcome");
  const plain = await connect(server, { path: `/ws?token=${token}` });
  const batched = await connect(server, { protocol: "parley.v1.batched" });
  batched.send({ type: "hello", token }, { type: "join" });
  const sockets = [first, plain, batched];
  for (const socket of sockets) await socket.next("joined");
  const stream = await Stream.open(server, { query: { token } });
  await stream.next("joined");
  return {
    id,
    token,
    sockets,
    stream,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) await socket.close();
      await stream[Symbol.asyncDispose]();
    },
  };
}

/** The `right` events that all ways in are told of, which must be the same. */
async function rightOf({ sockets, stream }: Everywhere) {
  const events = [await stream.next("right")];
  for (const socket of sockets) events.push(await socket.next("right"));
  for (const event of events) assertEquals(event, events[0]);
  assert(events[0] !== undefined);
  const { type: _, ...event } = events[0];
  return event;
}

/** What a socket is refused when it says this. */
async function refused(client: Client, command: object): Promise<string> {
  const ref = crypto.randomUUID();
  client.send({ ...command, ref });
  return (await client.next("error", (event) => event.ref === ref)).code;
}

/** The statuses of what a user does by plain requests: read, write, type. */
async function statuses(server: Server, token: string): Promise<number[]> {
  const headers = bearer(token);
  const answers = [
    await ask(server, MESSAGES, { headers }),
    await ask(server, "/rooms/lobby/members", { headers }),
    await ask(server, MESSAGES, { method: "POST", body: { payload: "x" }, headers }),
    await ask(server, "/rooms/lobby/typing", { method: "POST", body: { payload: true }, headers }),
  ];
  return answers.map(({ status }) => status);
}

const CHAT = { type: "chat", payload: "x" };

test("who is banned reads and writes nothing in the room from then on, by no way in", async ({ asked, server }) => {
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await everywhere(server);
  const [first] = bob.sockets;
  assert(first !== undefined);
  first.send({ type: "join", room: "other" });
  await first.next("joined");
  await asked.ban("lobby", bob.id, { payload: "Enough.", seconds: 3600 });
  const terms = { payload: "Enough.", seconds: 3600 };
  assertEquals(await rightOf(bob), { room: "lobby", right: "none", ...terms });
  assertEquals((await alice.next("system", ({ kind }) => kind === "left")).user?.id, bob.id);
  alice.send({ type: "chat", payload: "he is gone" });
  await alice.next("chat");
  for (const socket of bob.sockets) {
    assertEquals((await told(socket)).filter(({ type }) => type === "chat"), []);
    assertEquals(await refused(socket, CHAT), "not_in_room");
    assertEquals(await refused(socket, { type: "typing", payload: true }), "not_in_room");
    assertEquals(await refused(socket, { type: "join" }), "forbidden");
  }
  assert(!bob.stream.blocks.some(({ data }) => data?.includes("he is gone")));
  assertEquals(await statuses(server, bob.token), [403, 403, 403, 403]);
  const again = await ask(server, `/rooms/lobby/events?token=${bob.token}`);
  assertEquals(again.status, 403);
  const { rooms } = (await ask(server, "/rooms", { headers: bearer(bob.token) })).json;
  assertEquals(rooms.map(({ name }) => name), ["other"]);
  first.send({ ...CHAT, room: "other" });
  assertEquals((await first.next("chat")).room, "other");
  await asked.unban("lobby", bob.id);
  await until(async () => (await statuses(server, bob.token))[0] === 200, "the ban to be lifted");
  first.send({ type: "join" });
  assertEquals((await first.next("joined")).right, "write");
});

test("who is muted goes on reading, and writes nothing until the mute is lifted", async ({ asked, server }) => {
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await everywhere(server);
  await asked.mute("lobby", bob.id);
  assertEquals(await rightOf(bob), { room: "lobby", right: "read" });
  alice.send({ type: "chat", payload: "calm down" });
  await bob.stream.next("chat");
  for (const socket of bob.sockets) {
    await socket.next("chat");
    assertEquals(await refused(socket, CHAT), "forbidden");
    assertEquals(await refused(socket, { type: "custom", name: "x", payload: 1 }), "forbidden");
    assertEquals(await refused(socket, { type: "typing", payload: true }), "forbidden");
    socket.send({ type: "join" });
    assertEquals((await socket.next("joined")).right, "read");
  }
  assertEquals(await statuses(server, bob.token), [200, 200, 403, 403]);
  await asked.unmute("lobby", bob.id);
  assertEquals(await rightOf(bob), { room: "lobby", right: "write" });
  for (const socket of bob.sockets) {
    socket.send(CHAT);
    await alice.next("chat");
  }
  assertEquals(await statuses(server, bob.token), [200, 200, 201, 204]);
});

test("who is muted while typing stops typing for the others", async ({ asked, server }) => {
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await everywhere(server);
  bob.sockets[0]?.send({ type: "typing", payload: true });
  assertEquals((await alice.next("typing")).payload, true);
  await asked.mute("lobby", bob.id);
  assertEquals((await alice.next("typing")).payload, false);
});

test("a mute with a time ends by itself, and the user is told", async ({ asked, server }) => {
  await using bob = await everywhere(server);
  await asked.mute("lobby", bob.id, { seconds: 0.4 });
  assertEquals(await rightOf(bob), { room: "lobby", right: "read", seconds: 1 });
  assertEquals(await rightOf(bob), { room: "lobby", right: "write" });
  assertEquals(await statuses(server, bob.token), [200, 200, 201, 204]);
});

test("a ban with a time ends by itself", async ({ asked, server }) => {
  await using bob = await everywhere(server);
  await asked.ban("lobby", bob.id, { seconds: 0.4 });
  await rightOf(bob);
  await until(async () => (await statuses(server, bob.token))[0] === 200, "the ban to end");
});

test("who is removed leaves the room on all connections, and may join again", async ({ asked, server }) => {
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await everywhere(server);
  await asked.remove("lobby", bob.id, { payload: "Take a walk." });
  assertEquals(await rightOf(bob), { room: "lobby", right: "none", payload: "Take a walk." });
  assertEquals((await alice.next("system", ({ kind }) => kind === "left")).user?.id, bob.id);
  for (const socket of bob.sockets) {
    assertEquals(await refused(socket, CHAT), "not_in_room");
    socket.send({ type: "join" });
    assertEquals((await socket.next("joined")).right, "write");
  }
});

test("who is disconnected is told why, and not to come back", async ({ asked, server }) => {
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await everywhere(server);
  await asked.disconnect(bob.id, { payload: "Your account was closed." });
  for (const socket of bob.sockets) {
    const { code, payload } = await socket.next("error");
    assertEquals([code, payload], ["forbidden", "Your account was closed."]);
    assertEquals((await socket.closed).code, CLOSE.forbidden);
  }
  assertEquals((await bob.stream.next("error")).code, "forbidden");
  await until(() => bob.stream.ended, "the stream to end");
  assertEquals((await alice.next("system", ({ kind }) => kind === "left")).user?.id, bob.id);
});

let right: Right | undefined;

test("refresh() asks the application anew, in all rooms of the user", async ({ asked, server }) => {
  right = "write";
  await using bob = await everywhere(server);
  const [first] = bob.sockets;
  first?.send({ type: "join", room: "other" });
  await first?.next("joined");
  right = "read";
  await asked.refresh(bob.id);
  assertEquals(await rightOf(bob), { room: "lobby", right: "read" });
  assertEquals((await first?.next("right"))?.room, "other");
  right = "none";
  await asked.refresh(bob.id);
  assertEquals(await rightOf(bob), { room: "lobby", right: "none" });
}, { authorize: () => right });

test(
  "a mute caps what the application gives, and what a refresh gives",
  async ({ asked, server }) => {
    right = "manage";
    await using bob = await everywhere(server);
    await asked.mute("lobby", bob.id);
    assertEquals((await rightOf(bob)).right, "read");
    await asked.refresh(bob.id);
    await asked.unmute("lobby", bob.id);
    assertEquals((await rightOf(bob)).right, "write");
  },
  { authorize: () => right },
);

test("who is not connected is banned too, and finds out when joining", async ({ asked, server }) => {
  const bob = await everywhere(server);
  await bob[Symbol.asyncDispose]();
  await until(() => server.connectionCount === 0, "the connections to end");
  await asked.ban("lobby", bob.id);
  await until(async () => (await statuses(server, bob.token))[0] === 403, "the ban");
  await using socket = await connect(server, { protocol: "parley.v1" });
  socket.send({ type: "join" }, { type: "hello", token: bob.token });
  const { room, right } = await socket.next("right"); // in the lobby as another guest, and then as Bob
  assertEquals([room, right], ["lobby", "none"]);
});

Deno.test("bans and mutes survive a restart", async () => {
  await using at = new Directory();
  let token = "";
  {
    await using server = await serve({ db: at.file });
    await using bob = await everywhere(server);
    ({ token } = bob);
    await server.mute("lobby", bob.id, { seconds: 3600 });
    await server.ban("other", bob.id);
  }
  await using server = await serve({ db: at.file });
  assertEquals(await statuses(server, token), [200, 200, 403, 403]);
  const other = await ask(server, "/rooms/other/messages", { headers: bearer(token) });
  assertEquals(other.status, 403);
});

Deno.test("a member who has just lost the connection is not listed any more when banned", async () => {
  await using server = await serve({ ...OPTIONS, graceSeconds: 1000 });
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  const bob = await everywhere(server);
  await bob[Symbol.asyncDispose]();
  await until(() => server.connectionCount === 1, "Bob's connections to end");
  const memberCount = async () => (await server.members("lobby")).memberCount;
  assertEquals(await memberCount(), 2);
  await server.ban("lobby", bob.id);
  assertEquals((await alice.next("system", ({ kind }) => kind === "left")).user?.id, bob.id);
  assertEquals(await memberCount(), 1);
});

Deno.test("what was said before a ban is stored, and what was said after is not", async () => {
  await using server = await serve(OPTIONS);
  await using alice = await member(server, { name: "Alice", headers: ELSEWHERE });
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "hello" }, { type: "join" });
  const { user: { id } } = await bob.next("welcome");
  await bob.next("joined");
  for (let i = 0; i < 50; i++) bob.send({ type: "chat", payload: `${i}` });
  await alice.next("chat"); // some of it has arrived
  await server.ban("lobby", id);
  bob.send({ type: "chat", payload: "after" });
  assertEquals((await bob.next("error", (event) => event.code === "not_in_room")).field, "room");
  const { head } = await server.history("lobby");
  await say(server, "end", {}, ELSEWHERE);
  const heard = [];
  while (heard.at(-1) !== "end") heard.push((await alice.next("chat")).payload);
  assertEquals(heard.length, head); // the first was taken above, and the last is new
  assert(!heard.includes("after"));
});
