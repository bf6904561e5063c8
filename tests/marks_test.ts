/**
 * Read marks: all devices of a user agree on what is unread, whatever they use and on whichever node they are,
 * and marks outlive what happens to the server.
 *
 * @module
 */
import type { Event as WireEvent } from "../server/protocol/messages.ts";
import type { UserMark } from "../server/broker/marks.ts";
import { RecentMarks } from "../server/rooms/recent_marks.ts";
import { writeMarks } from "../server/rooms/write_marks.ts";
import type { Hooks, JoinedEvent, Options, Server } from "../server/mod.ts";
import { Client as LibraryClient, type KeyValue } from "../static/client/mod.ts";
import { overHttp } from "../static/client/http_transport.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, patiently, serve, until } from "./support/harness.ts";
import { ask, bearer, tokenOf } from "./support/http.ts";
import { MovedClock } from "./support/moved_clock.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { chat, joined, me, scripted, welcome } from "./support/scripted_client.ts";
import { ServerProcess } from "./support/server_process.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";
import { Threads } from "./support/threads.ts";

const MONTH_MS = 30 * 86_400_000;

/** A token is the id of its user. */
const HOOKS: Hooks = { authenticate: ({ token }) => token === "" ? undefined : userOf(token) };

function userOf(token: string | undefined) {
  return token === undefined ? undefined : { id: token };
}

function serveUsers(options: Partial<Options> = {}, by = { serve }): Promise<Server> {
  return by.serve({ graceSeconds: 0, ...options }, HOOKS);
}

/** A device of a user in some rooms, and what `joined` said of each. */
async function device(
  server: { readonly url: string },
  token: string,
  ...rooms: readonly string[]
): Promise<Client & { readonly joined: ReadonlyMap<string, JoinedEvent> }> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", token });
  await client.next("welcome");
  const joined = new Map<string, JoinedEvent>();
  for (const room of rooms) {
    client.send({ type: "join", room });
    joined.set(room, await client.next("joined"));
  }
  return Object.assign(client, { joined });
}

/** What a user's new device is told when it joins: the mark and the number of unread messages. */
async function unread(
  server: { readonly url: string },
  token: string,
  room: string,
): Promise<[read: number | undefined, unread: number]> {
  await using client = await device(server, token, room);
  const { read, unread = NaN } = client.joined.get(room) ?? {};
  return [read, unread];
}

async function say(client: Client, room: string, count: number): Promise<void> {
  const last = crypto.randomUUID();
  for (let n = 0; n < count; n++) {
    client.send({ type: "chat", room, payload: `${n}`, ...(n === count - 1 && { ref: last }) });
  }
  await client.next("chat", ({ ref }) => ref === last);
}

async function myRooms(server: { readonly url: string }, token: string) {
  const { status, json } = await ask(server, "/me/rooms", { headers: bearer(token) });
  assertEquals(status, 200);
  // deno-lint-ignore no-explicit-any -- each test says what is in it
  return (json.rooms as readonly any[]).map(({ name, head, read, unread, last }) =>
    `${name} ${read}/${head} ${unread} ${last?.payload}`
  );
}

/** Two nodes over Redis or over a storing thread, or twice the same node. */
interface Nodes {
  readonly a: Server;
  readonly b: Server;
}

function test(behaviour: string, act: (nodes: Nodes) => Promise<void>): void {
  Deno.test(`marks on one node: ${behaviour}`, async () => {
    await using a = await serveUsers();
    await act({ a, b: a });
  });
  Deno.test(`marks on two threads: ${behaviour}`, async () => {
    await using threads = await Threads.start();
    await using a = await serveUsers({}, threads);
    await using b = await serveUsers({}, threads);
    await act({ a, b });
  });
  Deno.test({
    name: `marks on two nodes: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await using a = await serveUsers({ redis: redis.url });
      await using b = await serveUsers({ redis: redis.url });
      await act({ a, b });
    },
  });
}

test("three devices in two rooms, one of them an event stream, agree within a second", async ({ a, b }) => {
  await using bob = await device(a, "bob", "tea", "pub");
  await say(bob, "tea", 5);
  await say(bob, "pub", 3);
  await using phone = await device(a, "ada", "tea");
  await using laptop = await device(b, "ada", "pub", "tea");
  await using stream = await Stream.open(a, { rooms: ["pub"], headers: bearer("ada") });
  await stream.next("joined");
  const first = laptop.joined.get("tea");
  assertEquals([first?.read, first?.unread], [undefined, 0]);

  phone.send({ type: "read", room: "tea", seq: 4, ref: "r" });
  const expected = { type: "read", room: "tea", seq: 4, ref: "r" } as const;
  for (const one of [phone, laptop, stream]) assertEquals(await one.next("read"), expected);
  for (const node of [a, b]) assertEquals(await unread(node, "ada", "tea"), [4, 1]);
  laptop.send({ type: "read", room: "pub", seq: 1 });
  for (const one of [phone, laptop, stream]) assertEquals((await one.next("read")).room, "pub");
  for (const node of [a, b]) assertEquals(await unread(node, "ada", "pub"), [1, 2]);
  for (const seq of [5, 3]) await bob.next("read", (event) => event.seq === seq);
  assertEquals(await unread(b, "bob", "pub"), [3, 0]); // who said it all has read it
  for (const node of [a, b]) {
    assertEquals(await myRooms(node, "ada"), ["pub 1/3 2 2", "tea 4/5 1 4"]);
  }

  // Saying something moves the mark, and is told too.
  laptop.send({ type: "chat", room: "tea", payload: "hm" });
  for (const one of [phone, laptop, stream]) {
    assertEquals(await one.next("read"), { type: "read", room: "tea", seq: 6 });
  }
  for (const node of [a, b]) {
    assertEquals(await unread(node, "ada", "tea"), [6, 0]);
    assertEquals((await myRooms(node, "ada"))[0], "tea 6/6 0 hm");
  }
  assert(!bob.pending.some(({ type }) => type === "read")); // it is nobody else's business
});

test("a mark only grows, and one above the head is refused", async ({ a, b }) => {
  await using bob = await device(a, "bob", "lobby");
  await say(bob, "lobby", 5);
  await using ada = await device(b, "ada", "lobby");
  await using other = await device(a, "ada", "lobby");
  ada.send({ type: "read", seq: 3, ref: "1" });
  await other.next("read");
  ada.send({ type: "read", seq: 2, ref: "2" }, { type: "read", seq: 6, ref: "3" });
  assertEquals((await ada.take("read", 2)).map(({ seq, ref }) => [seq, ref]), [[3, "1"], [3, "2"]]);
  const { code, field, ref } = await ada.next("error");
  assertEquals([code, field, ref], ["bad_field", "seq", "3"]);
  other.send({ type: "read", seq: 5 });
  assertEquals([(await other.next("read")).seq, (await ada.next("read")).seq], [5, 5]);
  other.send({ type: "read", room: "elsewhere", seq: 0 });
  assertEquals((await other.next("error")).code, "not_in_room");
  assertEquals(await unread(b, "ada", "lobby"), [5, 0]);
});

test("what is read over HTTP is told to all devices", async ({ a, b }) => {
  await using bob = await device(a, "bob", "lobby");
  await say(bob, "lobby", 3);
  await using ada = await device(b, "ada");
  const read = (seq: unknown, headers = bearer("ada")) =>
    ask(a, "/rooms/lobby/read", { method: "POST", body: { seq }, headers });
  const { status, json } = await read(2);
  assertEquals([status, json], [200, { type: "read", room: "lobby", seq: 2 }]);
  assertEquals(await ada.next("read"), { type: "read", room: "lobby", seq: 2 });
  assertEquals((await read(1)).json.seq, 2);
  for (const seq of [4, -1, "1"]) assertEquals((await read(seq)).json.field, "seq");
  const nobody = { method: "POST", body: { seq: 1 } };
  assertEquals((await ask(a, "/rooms/lobby/read", nobody)).status, 200);
  assertEquals(await unread(b, "ada", "lobby"), [2, 1]);
  assertEquals(await myRooms(b, "nobody"), []);
});

Deno.test("marks: a device that was away for a month is told what is unread, and the others have not changed", async () => {
  using clock = new MovedClock();
  await using server = await serveUsers({ retainDays: 0 });
  await using bob = await device(server, "bob", "lobby");
  await say(bob, "lobby", 3);
  await using phone = await device(server, "ada", "lobby");
  {
    await using tablet = await device(server, "ada", "lobby");
    tablet.send({ type: "read", seq: 2 });
    assertEquals((await phone.next("read")).seq, 2);
  }
  clock.pass(MONTH_MS / 2);
  await say(bob, "lobby", 4);
  phone.send({ type: "read", seq: 6 });
  await phone.next("read");
  clock.pass(MONTH_MS / 2);
  await say(bob, "lobby", 1);
  assertEquals(await unread(server, "ada", "lobby"), [6, 2]);
});

Deno.test("marks: those told before a stop are there after it", async () => {
  await using at = new Directory();
  {
    await using server = await serveUsers({ db: at.file });
    await using bob = await device(server, "bob", "lobby");
    await say(bob, "lobby", 3);
    await using ada = await device(server, "ada", "lobby");
    ada.send({ type: "read", seq: 2 });
    await ada.next("read");
  }
  await using server = await serveUsers({ db: at.file });
  assertEquals(await unread(server, "ada", "lobby"), [2, 1]);
  assertEquals(await unread(server, "bob", "lobby"), [3, 0]);
});

Deno.test("marks: what was told of a message is on disk, and a killed server loses nothing of it", async () => {
  await using server = await ServerProcess.start({ PARLEY_RATE: "0", PARLEY_ADDRESS_RATE: "0" });
  let token = "";
  {
    await using ada = await connect(server, { protocol: "parley.v1" });
    ada.send({ type: "hello" }, { type: "join" });
    token = (await ada.next("welcome")).token;
    await say(ada, "lobby", 3);
    assertEquals((await ada.next("read", ({ seq }) => seq === 3)).ref, undefined);
    await using bob = await connect(server, { protocol: "parley.v1" });
    bob.send({ type: "join" });
    await bob.next("joined");
    await say(bob, "lobby", 2);
    ada.send({ type: "read", seq: 4 }); // may be lost: it is told before it is written
    await ada.next("read");
    await server.kill();
  }
  await server.restart();
  const [read = 0, above] = await unread(server, token, "lobby");
  assert(read === 3 || read === 4, `${read}`);
  assertEquals(above, 5 - read);
});

Deno.test("marks: while they cannot be kept, reading is refused, and what was said is kept later", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { graceSeconds: 0 }, HOOKS);
  await using ada = await device(server, "ada", "lobby");
  await say(ada, "lobby", 1);
  broker.failing.add("marks");
  ada.send({ type: "read", seq: 1, ref: "r" });
  const { code, ref, retryAfterMs } = await ada.next("error");
  assertEquals([code, ref, retryAfterMs], ["unavailable", "r", 1000]);
  await say(ada, "lobby", 1);
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "join", ref: "j" });
  assertEquals((await bob.next("error")).code, "unavailable");
  broker.failing.delete("marks");
  assertEquals((await ada.next("read", ({ seq }) => seq === 2)).room, "lobby");
});

Deno.test("marks: one that is written while they are read is in the answer", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { graceSeconds: 0 }, HOOKS);
  await using bob = await device(server, "bob", "lobby");
  const release = broker.holdMarks();
  await say(bob, "lobby", 2);
  const list = myRooms(server, "bob");
  await using late = await connect(server, { protocol: "parley.v1" });
  late.send({ type: "hello", token: "bob" }, { type: "join" });
  await bob.next("read", ({ seq }) => seq === 2); // it is told when it is written
  release();
  assertEquals(await list, ["lobby 2/2 0 1"]);
  assertEquals((await late.next("joined")).read, 2);
});

Deno.test("marks: what a user says who is erased meanwhile leaves none", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { graceSeconds: 0 }, HOOKS);
  await using ada = await device(server, "ada", "lobby");
  await using bob = await device(server, "bob", "lobby");
  const room = broker.holdRoom("lobby");
  for (const user of [ada, bob]) {
    user.send({ type: "chat", payload: "text" }, { type: "custom", name: "sent", payload: 1 });
    await user.next("custom");
  }
  const erased = server.deleteUser("ada"); // it waits for what was said before
  assertEquals((await ada.closed).code, 3003);
  room.prepared();
  await erased;
  await bob.next("read", ({ seq }) => seq === 2); // it is told when all are written
  assertEquals([await broker.marks.all("ada"), (await broker.marks.all("bob")).length], [[], 1]);
});

Deno.test("writeMarks() leaves out a user who is erased while a log is asked for", async () => {
  const marks = new RecentMarks();
  for (const userId of ["ada", "bob"]) marks.move(userId, "lobby", 1);
  const written: UserMark[] = [];
  const erased = new Set<string>();
  await writeMarks(marks, {
    store: {
      get: () => Promise.resolve(undefined),
      all: () => Promise.resolve([]),
      write: (some) => Promise.resolve(void written.push(...some)),
    },
    logOf: () => Promise.resolve({ log: "log", head: 1 }).finally(() => erased.add("ada")),
    isForgotten: (userId) => erased.has(userId),
  });
  assertEquals(written.map(({ userId }) => userId), ["bob"]);
});

Deno.test({
  name: "marks: those of a log that was lost are gone, and the new log has its own",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using server = await serveUsers({ redis: redis.url });
    await using bob = await device(server, "bob", "lobby");
    await say(bob, "lobby", 5);
    await using ada = await device(server, "ada", "lobby");
    ada.send({ type: "read", seq: 5 });
    await ada.next("read");
    await redis.ask("DEL", "parley:{lobby}:log", "parley:{lobby}:entries");
    bob.send({ type: "chat", payload: "anew" });
    const joined = await ada.next("joined");
    assertEquals([joined.recovered, joined.read, joined.unread], [false, undefined, 0]);
    await ada.next("chat", ({ payload }) => payload === "anew");
    assertEquals(await myRooms(server, "ada"), []);
    ada.send({ type: "read", seq: 1 });
    assertEquals((await ada.next("read")).seq, 1);
    assertEquals(await unread(server, "ada", "lobby"), [1, 0]);
  },
});

Deno.test("marks: a room that may not be read any more is not in one's list, and has no mark to move", async () => {
  let isBarred = false;
  await using server = await serve({ apiKeys: "k".repeat(32) }, {
    ...HOOKS,
    authorize: ({ id }, room) => isBarred && id === "ada" && room === "tea" ? "none" : "write",
  });
  await using ada = await device(server, "ada", "tea", "pub");
  await say(ada, "tea", 1);
  await say(ada, "pub", 1);
  assertEquals((await myRooms(server, "ada")).length, 2);
  isBarred = true;
  assertEquals(await myRooms(server, "ada"), ["pub 1/1 0 0"]);
  const read = { method: "POST", body: { seq: 1 }, headers: bearer("ada") };
  assertEquals((await ask(server, "/rooms/tea/read", read)).status, 403);
  const key = { headers: bearer("k".repeat(32)) };
  assertEquals((await ask(server, "/me/rooms", key)).status, 401);
});

Deno.test("marks: long last messages are left out of one's list, those of the newest rooms last", async () => {
  const key = "k".repeat(32);
  await using server = await serve({ apiKeys: key }, HOOKS);
  const post = (path: string, body: unknown, token: string) =>
    ask(server, path, { method: "POST", body, headers: bearer(token) });
  for (const room of ["a", "b", "c"]) {
    await post(`/rooms/${room}/messages`, { payload: "x".repeat(100_000) }, key);
    await post(`/rooms/${room}/read`, { seq: 0 }, "ada");
  }
  const { json } = await ask(server, "/me/rooms", { headers: bearer("ada") });
  const rooms = new Map(json.rooms.map((room) => [room.name, "last" in room]));
  assertEquals(rooms.size, 3);
  assertEquals([...rooms.values()], [true, true, false]);
});

// --- the client library ----------------------------------------------------------------------------

/** A client of the library on a device of a guest, over WebSocket or over HTTP. */
function libraryClient(server: Server, token: string, isOverHttp: boolean) {
  const saved = JSON.stringify({ token });
  const identity: KeyValue = { getItem: () => saved, setItem() {} };
  const client = new LibraryClient(`${server.url}/ws`, {
    identity,
    backoffMs: { min: 10, max: 50 },
    ...(isOverHttp && { transport: (url, handlers) => overHttp(5000, url, handlers) }),
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

for (const [one, other] of [[false, true], [true, false]] as const) {
  Deno.test(`the client counts what is unread, and its devices agree, ${one ? "HTTP" : "WebSocket"} first`, async () => {
    await using server = await serve();
    const { token } = await tokenOf(server, "Ada");
    await using bob = await connect(server, { room: "lobby" });
    await bob.next("joined");
    await say(bob, "lobby", 3);
    using phone = libraryClient(server, token, one);
    using laptop = libraryClient(server, token, other);
    await patiently(Promise.all([phone.join("lobby"), laptop.join("lobby")]), "the room");
    assertEquals(phone.user?.id, laptop.user?.id);
    const counts = () => [phone.unread("lobby"), laptop.unread("lobby"), phone.unread("x")];
    assertEquals(counts(), [0, 0, 0]);
    for (const seq of [1, 2, 1]) phone.read("lobby", seq);
    await until(() => counts().join() === "1,1,0", "both to know of it");
    await say(bob, "lobby", 2);
    await until(() => counts().join() === "3,3,0", "the new messages");
    await patiently(laptop.send("lobby", "mine"), "the message");
    await until(() => counts().join() === "0,0,0", "that it moved the mark");
    await say(bob, "lobby", 1);
    await until(() => counts().join() === "1,1,0", "one more");
    laptop.read("lobby", 7);
    await until(() => counts().join() === "0,0,0", "that it was read");
  });
}

Deno.test("the client tells its mark once a second, and again after a reconnect that may have lost it", async () => {
  using it = scripted();
  const reads = () => it.sent.map(Object).filter(({ type }) => type === "read");
  const commands = (...seqs: number[]) => seqs.map((seq) => ({ type: "read", room: "lobby", seq }));
  it.received({ ...joined(9), read: 2, unread: 7 } as WireEvent);
  assertEquals(it.client.unread("lobby"), 7);
  for (const seq of [1, 2, 4, 5]) it.client.read("lobby", seq);
  await Promise.resolve(); // what comes in one turn goes in one frame
  assertEquals([reads(), it.client.unread("lobby")], [commands(5), 4]);
  for (const seq of [6, 7, 99]) it.client.read("lobby", seq);
  await Promise.resolve();
  assertEquals([reads(), it.client.unread("lobby")], [commands(5), 0]); // as far as there are messages
  await until(() => reads().length === 2, "the next one");
  assertEquals(reads(), commands(5, 9));

  it.closed(1006, "");
  await until(it.isOpening, "the next connection");
  it.opened();
  it.received(welcome, { ...joined(9, true), read: 5, unread: 4 } as WireEvent);
  assertEquals(it.client.unread("lobby"), 0);
  await until(() => reads().length === 3, "that it is told again");
  assertEquals(reads(), commands(5, 9, 9));
  it.received({ type: "read", room: "lobby", seq: 9 }, chat(10), chat(11, me), chat(12));
  // Another device said it, or the application: only the server knows whether that moves the mark.
  assertEquals(it.client.unread("lobby"), 3);
  it.received({ type: "read", room: "lobby", seq: 11 });
  assertEquals(it.client.unread("lobby"), 1);
  it.received({ ...joined(3, false, "another"), unread: 0 } as WireEvent);
  assertEquals(it.client.unread("lobby"), 0);
});
