/**
 * Deleting for good, from outside: over HTTP and in process, on one node, on two, and on two threads.
 * Members start afresh, and what was erased is in no page, stream, tail, list or file.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { connect, member, serve, told, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";
import { Threads } from "./support/threads.ts";
import { Refusal, type Server } from "../server/mod.ts";

const KEY = "k".repeat(32);
const OPTIONS = { apiKeys: KEY, graceSeconds: 0 };
const SECRET = "secretword";

/** Deletes with the API key. */
async function erase(server: Server, path: string): Promise<void> {
  const headers = { authorization: `Bearer ${KEY}` };
  const response = await fetch(server.url + path, { method: "DELETE", headers });
  assertEquals([response.status, await response.text()], [204, ""]);
}

/** Everything that a server says of a room to whoever asks now. */
async function everything(server: Server, epochs: readonly string[]): Promise<string> {
  const page = JSON.stringify((await ask(server, MESSAGES)).json);
  const all = await Promise.all(["", ...epochs].map(async (epoch) => {
    const path = `/rooms/lobby/events?seconds=1${epoch && `&after=${epoch}:1`}`;
    const stream = await (await fetch(server.url + path)).text();
    await using client = await connect(server, { protocol: "parley.v1" });
    client.send({ type: "join", ...(epoch && { since: { epoch, seq: 1 } }) });
    await client.next("joined");
    await told(client);
    return stream + client.frames.join();
  }));
  return page + all.join();
}

/** Waits until a user is no member any more. */
async function gone(server: Server, id: string): Promise<void> {
  const isGone = async () => !JSON.stringify(await server.members("lobby")).includes(id);
  await until(isGone, "the user to leave");
}

Deno.test("who was erased is nowhere any more, and the members start afresh", async () => {
  await using at = new Directory();
  {
    await using server = await serve({ ...OPTIONS, db: at.file });
    await using ada = await member(server, { protocol: "parley.v1", name: `${SECRET}name` });
    await using bob = await member(server, { protocol: "parley.v1" });
    await using stream = await Stream.open(server);
    const { epoch } = await stream.next("joined");
    ada.send({ type: "chat", payload: `${SECRET}1`, ref: "1" });
    const { seq, from } = await bob.next("chat");
    bob.send({ type: "chat", payload: "an answer", replyTo: seq });
    await ada.next("chat", ({ seq }) => seq === 2);
    ada.send({ type: "custom", name: "topic", payload: `${SECRET}2`, retain: true });
    ada.send({ type: "react", seq, payload: `${SECRET}x` });
    await bob.next("revised");
    await erase(server, `/users/${from.id}`);
    const again = await bob.next("joined");
    assertEquals([again.recovered, again.seq], [false, 2]);
    assert(again.epoch !== epoch);
    const { from: nobody, deleted, payload } = await bob.next("chat", ({ seq }) => seq === 1);
    assertEquals([nobody.id, deleted, payload], ["deleted", true, ""]);
    assertEquals((await bob.next("chat", ({ seq }) => seq === 2)).replyTo, 1);
    assertEquals((await stream.next("joined")).recovered, false);
    assertEquals((await ada.closed).code, 3003);
    await gone(server, from.id);
    const text = await everything(server, [epoch, again.epoch]);
    assert(text.includes("an answer") && !text.includes(SECRET), text);
    assert(!text.includes(from.id));
  }
  assert(!new TextDecoder("latin1").decode(at.bytes()).includes(SECRET));
});

Deno.test("a room that was erased begins again, with its members", async () => {
  await using server = await serve(OPTIONS);
  await using ada = await member(server, { protocol: "parley.v1" });
  for (let i = 1; i <= 3; i++) ada.send({ type: "chat", payload: `${SECRET}${i}` });
  const { seq } = await ada.next("chat", ({ seq }) => seq === 3);
  assertEquals(seq, 3);
  const { epoch } = (await ask(server, MESSAGES)).json;
  await erase(server, "/rooms/lobby");
  const again = await ada.next("joined");
  assertEquals([again.recovered, again.seq, again.unread], [false, 0, 0]);
  ada.send({ type: "chat", payload: "first" });
  assertEquals((await ada.next("chat")).seq, 1);
  const text = await everything(server, [epoch]);
  assert(text.includes("first") && !text.includes(SECRET), text);
});

Deno.test("others are served while a user is erased", async () => {
  await using server = await serve(OPTIONS);
  await using ada = await member(server, { protocol: "parley.v1" });
  const from = { id: "eve", name: "Eve" };
  for (let i = 0; i < 400; i++) await server.publish(`room ${i % 50}`, "x", { from });
  let isDone = false;
  const erasing = server.deleteUserMessages("eve").then(() => isDone = true);
  ada.send({ type: "chat", payload: "meanwhile" });
  await ada.next("chat");
  assertEquals(isDone, false);
  await erasing;
  const { messages } = await server.history("room 1");
  assertEquals(messages.map((message) => message.deleted), Array(8).fill(true));
  assertEquals(messages[0]?.from, from);
});

Deno.test("what was said before is erased, also while it waits for a commit or for its room", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  const from = { id: "eve", name: "Eve" };
  const { prepared } = broker.holdRoom("tea");
  const go = broker.holdCalls();
  const said = [server.publish("lobby", "in flight", { from })];
  await new Promise((resolve) => setImmediate(resolve)); // its commit has begun
  for (const room of ["lobby", "tea"]) said.push(server.publish(room, "waits", { from, ref: "r" }));
  const erasing = server.deleteUserMessages("eve");
  go();
  for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  prepared();
  await Promise.all([erasing, ...said]);
  for (const [room, count] of [["lobby", 2], ["tea", 1]] as const) {
    const { messages } = await server.history(room);
    assertEquals(messages.map(({ deleted }) => deleted), Array(count).fill(true));
  }
});

Deno.test("a room that is erased while it is opened begins again", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  for (let i = 0; i < 3; i++) await server.publish("lobby", SECRET);
  const answer = broker.holdAnswers();
  await using ada = await connect(server, { protocol: "parley.v1" });
  ada.send({ type: "join" });
  await until(() => server.roomCount === 1, "the join");
  await new Promise((resolve) => setImmediate(resolve)); // the log is open, and the answer on its way
  await server.deleteRoom("lobby");
  answer();
  const { epoch, seq } = await ada.next("joined");
  assertEquals([epoch, seq], [(await server.history("lobby")).epoch, 0]);
  ada.send({ type: "chat", payload: "anew" });
  assertEquals((await ada.next("chat")).seq, 1);
});

Deno.test("a wrong name is refused, and so is who has no key", async () => {
  await using server = await serve(OPTIONS);
  await assertRejects(() => server.deleteRoom(""), Refusal, "room");
  await assertRejects(() => server.deleteUser(""), Refusal, "userId");
  await assertRejects(() => server.deleteUserMessages("a\nb"), Refusal, "userId");
  for (const path of ["/rooms/lobby", "/users/a", "/users/a/messages"]) {
    const response = await fetch(server.url + path, { method: "DELETE" });
    assertEquals([response.status, (await response.json()).code], [401, "unauthorized"]);
  }
});

/** Erases a user of the first node at the second. @returns the id of the user, who is on neither any more. */
async function eraseUserOfTwo(one: Server, two: Server): Promise<string> {
  await using ada = await member(one, { protocol: "parley.v1", name: `${SECRET}name` });
  await using bob = await member(two, { protocol: "parley.v1" });
  ada.send({ type: "custom", name: "topic", payload: SECRET, retain: true });
  await bob.next("custom");
  for (let i = 0; i < 5; i++) ada.send({ type: "chat", payload: `${SECRET}${i}`, ref: `${i}` });
  ada.send({ type: "react", seq: 1, payload: `${SECRET}x` });
  const { from } = await bob.next("chat", ({ seq }) => seq === 5);
  await bob.next("revised");
  const { epoch } = (await ask(two, MESSAGES)).json;
  await erase(two, `/users/${from.id}`);
  assertEquals((await ada.closed).code, 3003);
  const again = await bob.next("joined", ({ recovered }) => !recovered);
  assertEquals(again.seq, 5);
  await gone(two, from.id);
  for (const server of [one, two]) {
    const text = await everything(server, [epoch]);
    assert(!text.includes(SECRET) && !text.includes(from.id), text);
  }
  return from.id;
}

Deno.test("threads: a user is erased on all nodes, and a room", async () => {
  await using threads = await Threads.start(OPTIONS);
  await using one = await threads.serve();
  await using two = await threads.serve();
  await eraseUserOfTwo(one, two);
  await using ada = await member(one, { name: "Ada" });
  await using bob = await member(two, { name: "Bob" });
  bob.send({ type: "read", seq: 5 }, { type: "custom", name: "topic", payload: 1, retain: true });
  await ada.next("custom");
  await erase(one, "/rooms/lobby");
  const { seq } = await bob.next("joined", ({ recovered }) => !recovered);
  assertEquals(seq, 0);
  ada.send({ type: "chat", payload: "anew" });
  assertEquals((await bob.next("chat")).seq, 1);
  assert(bob.frames.some((frame) => frame.includes('"payload":null')), "the topic is removed");
  await using late = await connect(two, { protocol: "parley.v1" });
  late.send({ type: "join" });
  assertEquals((await late.next("joined")).seq, 1);
  const kept = (await told(late)).filter((event) => event.type === "custom");
  assertEquals(kept, []);
});

Deno.test("threads: what waits on another thread is erased too", async () => {
  await using threads = await Threads.start(OPTIONS);
  await using one = await threads.serve();
  await using two = await threads.serve();
  const from = { id: "eve", name: "Eve" };
  // More than one tick commits, so that most of it waits.
  const text = "x".repeat(16_000);
  const said = Array.from({ length: 100 }, () => one.publish("tea", text, { from }));
  await Promise.all([two.deleteUserMessages("eve"), ...said]);
  const { messages } = await two.history("tea", { limit: 200 });
  assertEquals(messages.map(({ deleted }) => deleted), Array(100).fill(true));
});

Deno.test({
  name: "redis: a user is erased on all nodes",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start("file");
    const options = { ...OPTIONS, redis: redis.url };
    await using one = await serve(options);
    await using two = await serve(options);
    const id = await eraseUserOfTwo(one, two);
    // The order to forget the user is kept for half a minute, so that every node gets it.
    await redis.ask("DEL", "parley:orders");
    await redis.ask("BGREWRITEAOF");
    const isRewritten = async () =>
      /aof_rewrite_in_progress:0\r?\naof_rewrite_scheduled:0/
        .test(await redis.ask("INFO", "persistence"));
    await until(isRewritten, "the append-only file to be rewritten");
    await redis.ask("SAVE");
    for await (const path of files(redis.folder)) {
      const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
      assert(!text.includes(SECRET) && !text.includes(id), path);
    }
  },
});

async function* files(folder: string): AsyncGenerator<string> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isFile) yield path;
    else yield* files(path);
  }
}
