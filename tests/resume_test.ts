/**
 * Coming back: a member names its cursor, and is brought up to date or told that it cannot be.
 * And what happens to messages when the log cannot be written or read.
 *
 * @module
 */
import type { Cursor } from "../server/mod.ts";
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, told } from "./support/harness.ts";
import { say } from "./support/http.ts";

/** Says so many numbered messages, each in a batch of its own size. */
async function fill(server: Server, count: number): Promise<Cursor> {
  await using writer = await connect(server, { protocol: "parley.v1.batched" });
  writer.send({ type: "join" });
  const { epoch } = await writer.next("joined");
  for (let said = 0; said < count;) {
    const size = Math.min(1 + said % 7, count - said);
    writer.raw(JSON.stringify(
      Array.from({ length: size }, () => ({ type: "chat", payload: `${++said}` })),
    ));
    await writer.next("chat", ({ payload }) => payload === `${said}`);
  }
  return { epoch, seq: count };
}

async function resume(server: Server, since: unknown): Promise<Client> {
  const client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join", since });
  return client;
}

async function seqs(client: Client, count: number): Promise<number[]> {
  return (await client.take("chat", count)).map(({ seq }) => seq);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

for (const [tailBytes, source] of [[1 << 20, "memory"], [0, "the disk"]] as const) {
  Deno.test(`a member resumes from any cursor exactly, from ${source}`, async () => {
    await using server = await serve({ tailBytes, recentMessages: 5 });
    const { epoch } = await fill(server, 600);
    await using speaker = await member(server, { name: "Speaker" });
    let head = 600;
    for (const seq of [0, 1, 2, 3, 255, 256, 257, 598, 599, 600]) {
      await using client = await resume(server, { epoch, seq });
      const joined = await client.next("joined");
      assertEquals([joined.recovered, joined.seq, joined.epoch], [true, head, epoch]);
      speaker.send({ type: "chat", payload: "live" });
      head++;
      assertEquals(await seqs(client, head - seq), numbers(seq + 1, head));
      assertEquals(client.pending.filter(({ type }) => type === "chat"), []);
    }
  });
}

Deno.test("a member resumes while others go on speaking, without gap or repeat", async () => {
  await using server = await serve({ tailBytes: 2000 });
  const { epoch } = await fill(server, 100);
  await using speaker = await member(server, { name: "Speaker" });
  let said = 100;
  const talk = () => {
    for (let i = 0; i < 3; i++) speaker.send({ type: "chat", payload: `${++said}` });
  };
  const clients: Client[] = [];
  for (let i = 0; i < 40; i++) {
    talk();
    clients.push(await resume(server, { epoch, seq: i * 2 }));
    talk();
  }
  for (const [index, client] of clients.entries()) {
    assertEquals(await seqs(client, said - index * 2), numbers(index * 2 + 1, said));
    await client.close();
  }
});

/** A cursor that says nothing about this log. */
const USELESS: readonly (readonly [what: string, since: (right: Cursor) => Cursor])[] = [
  ["of another epoch", ({ seq }) => ({ epoch: "another", seq })],
  ["ahead of the log", ({ epoch, seq }) => ({ epoch, seq: seq + 1 })],
  ["far ahead", ({ epoch }) => ({ epoch, seq: Number.MAX_SAFE_INTEGER })],
];

for (const [what, since] of USELESS) {
  Deno.test(`a cursor ${what} is not recovered: the recent messages follow`, async () => {
    await using server = await serve({ recentMessages: 5 });
    const right = await fill(server, 20);
    await using client = await resume(server, since(right));
    const joined = await client.next("joined");
    assertEquals([joined.recovered, joined.seq, joined.epoch], [false, 20, right.epoch]);
    assertEquals(await seqs(client, 5), numbers(16, 20));
  });
}

Deno.test("a cursor before what is kept is not recovered: the recent messages follow", async () => {
  await using server = await serve({ retainMessages: 20, recentMessages: 5, tailBytes: 0 });
  const { epoch } = await fill(server, 200);
  await using client = await resume(server, { epoch, seq: 1 });
  assertEquals((await client.next("joined")).recovered, false);
  assertEquals(await seqs(client, 5), numbers(196, 200));
});

Deno.test("a join with a since that is no cursor gets bad_field", async () => {
  await using server = await serve();
  await using client = await resume(server, { epoch: 1, seq: "x" });
  assertEquals((await client.next("error")).field, "since");
  client.send({ type: "chat", payload: "x" });
  assertEquals((await client.next("error")).code, "not_in_room");
});

Deno.test("a cursor at the head of an empty log is recovered", async () => {
  await using server = await serve();
  await using first = await member(server);
  first.send({ type: "join" });
  const { epoch } = await first.next("joined");
  await using client = await resume(server, { epoch, seq: 0 });
  assertEquals((await client.next("joined")).recovered, true);
});

Deno.test("each sender of a failed commit gets an error, no member gets the message, and a retry succeeds", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await member(server);
  await using bob = await member(server, { name: "Bob" });
  broker.failing.add("publish");
  alice.send({ type: "chat", payload: "lost", ref: "a" });
  bob.send({ type: "custom", name: "x", payload: 1, durable: true, ref: "b" });
  for (const [client, ref] of [[alice, "a"], [bob, "b"]] as const) {
    const error = await client.next("error");
    assertEquals([error.code, error.ref], ["unavailable", ref]);
    assert((error.retryAfterMs ?? 0) > 0);
  }
  broker.failing.clear();
  alice.send({ type: "chat", payload: "kept", ref: "a" });
  const chat = await bob.next("chat");
  assertEquals([chat.payload, chat.seq], ["kept", 1]);
});

Deno.test("clients that go on trying through an outage stay connected", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { badCommands: 2 });
  await using alice = await member(server);
  broker.failing.add("publish").add("signal");
  for (let i = 0; i < 20; i++) {
    alice.send({ type: "chat", payload: "x" }, { type: "custom", name: "x", payload: 1 });
    for (let j = 0; j < 2; j++) assertEquals((await alice.next("error")).code, "unavailable");
  }
  broker.failing.clear();
  alice.send({ type: "chat", payload: "back" });
  await alice.next("chat");
});

Deno.test("a join that fails gets an error, and may be tried again", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await connect(server, { protocol: "parley.v1" });
  broker.failing.add("open");
  alice.send({ type: "join", ref: "j1" });
  const error = await alice.next("error");
  assertEquals([error.code, error.field, error.ref], ["unavailable", "room", "j1"]);
  alice.send({ type: "chat", payload: "x" });
  assertEquals((await alice.next("error")).code, "not_in_room");
  broker.failing.clear();
  alice.send({ type: "join" }, { type: "chat", payload: "in" });
  await alice.next("chat");
});

Deno.test("a client that leaves and joins again stays in when the first join fails late", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { graceSeconds: 0 });
  await using alice = await connect(server, { protocol: "parley.v1" });
  const release = broker.holdCalls();
  broker.failingOnce.add("open");
  alice.send({ type: "join" }, { type: "leave", room: "lobby" }, { type: "join" });
  alice.send({ type: "hello" });
  await alice.next("welcome"); // all of it was carried out; now the first join fails
  release();
  alice.send({ type: "chat", payload: "in" });
  await alice.next("chat");
});

Deno.test("a log that cannot be read now is read later", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { tailBytes: 0 });
  const { epoch } = await fill(server, 50);
  broker.failing.add("read");
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join" });
  await client.next("joined");
  broker.failing.clear();
  assertEquals(await seqs(client, 50), numbers(1, 50));
  await using other = await resume(server, { epoch, seq: 48 });
  assertEquals(await seqs(other, 2), [49, 50]);
});

Deno.test("while a commit is in flight, the next batch gathers in order", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await member(server);
  const release = broker.holdCalls();
  for (let i = 0; i < 100; i++) alice.send({ type: "chat", payload: `${i}` });
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "hello" });
  await bob.next("welcome"); // the server goes on meanwhile
  release();
  const chats = await alice.take("chat", 100);
  assertEquals(chats.map(({ payload }) => payload), numbers(0, 99).map(String));
});

Deno.test("a client that joins while messages are under way misses none", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using alice = await member(server);
  const release = broker.holdCalls();
  for (let i = 0; i < 10; i++) alice.send({ type: "chat", payload: `${i}` });
  const clients = [await resume(server, undefined), await resume(server, undefined)];
  release();
  for (const client of clients) {
    assertEquals(await seqs(client, 10), numbers(1, 10));
    await client.close();
  }
});

Deno.test("a message committed while a room is being opened is not missed", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  const release = broker.holdAnswers(); // the room's head is read, and on its way
  await using alice = await connect(server, { protocol: "parley.v1" });
  alice.send({ type: "join" });
  await told(alice);
  for (const text of ["1", "2"]) assertEquals((await say(server, text)).status, 201);
  release();
  assertEquals(await seqs(alice, 2), [1, 2]);
});

Deno.test("a subscriber that is behind gets notices of who comes and goes", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { tailBytes: 0, graceSeconds: 0 });
  for (const text of ["1", "2"]) assertEquals((await say(server, text)).status, 201);
  await using alice = await connect(server, { protocol: "parley.v1" });
  alice.send({ type: "join" });
  await alice.take("chat", 2);
  const release = broker.holdAnswers(); // what bob missed is read, and on its way
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "join" });
  await bob.next("joined");
  alice.send({ type: "leave", room: "lobby" });
  assertEquals((await bob.next("system")).kind, "left");
  release();
  assertEquals(await seqs(bob, 2), [1, 2]);
});

Deno.test("a message committed while a reader finds nothing is not missed", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker, { tailBytes: 0 });
  await using alice = await member(server);
  alice.send({ type: "chat", payload: "lost" });
  await alice.next("chat");
  broker.lostUpTo = 1;
  const release = broker.holdAnswers();
  await using bob = await connect(server, { protocol: "parley.v1" });
  bob.send({ type: "join" });
  await bob.next("joined");
  alice.send({ type: "chat", payload: "now" });
  await alice.next("chat");
  release();
  assertEquals(await seqs(bob, 1), [2]);
});
