/**
 * Several nodes over one Redis, or over one thread that stores: what their clients see is what clients of one
 * node see.
 *
 * @module
 */
import type { Options, Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, until } from "./support/harness.ts";
import { Stream } from "./support/stream.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { Threads } from "./support/threads.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

/** Some nodes in this process. */
interface Nodes {
  readonly a: Server;
  readonly b: Server;
}

/** Registers a test over a Redis and one over a storing thread. */
function test(
  behaviour: string,
  act: (nodes: Nodes) => Promise<void>,
  options: Partial<Options> = {},
): void {
  testRedis(behaviour, act, options);
  Deno.test(`threads: ${behaviour}`, async () => {
    await using threads = await Threads.start({ graceSeconds: 0.05, ...options });
    await using a = await threads.serve();
    await using b = await threads.serve();
    await act({ a, b });
  });
}

function testRedis(
  behaviour: string,
  act: (nodes: Nodes & { readonly redis: RedisProcess }) => Promise<void>,
  options: Partial<Options> = {},
): void {
  Deno.test({
    name: `nodes: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start("file");
      await using a = await serve({ redis: redis.url, graceSeconds: 0.05, ...options });
      await using b = await serve({ redis: redis.url, graceSeconds: 0.05, ...options });
      await act({ redis, a, b });
    },
  });
}

test("a message reaches the members of all nodes, with the same seq and text", async ({ a, b }) => {
  await using alice = await member(a, { name: "Alice" });
  await using bob = await member(b, { name: "Bob" });
  alice.send({ type: "chat", payload: "hi", ref: "r" });
  bob.send({ type: "chat", payload: "ho" });
  const heard = [await alice.take("chat", 2), await bob.take("chat", 2)];
  assertEquals(heard[0], heard[1]);
  assertEquals(heard[0]?.map(({ seq }) => seq), [1, 2]);
});

test("users of all nodes are listed, counted and announced alike", async ({ a, b }) => {
  await using alice = await member(a, { name: "Alice" });
  await using carol = await member(b, { name: "Carol" });
  const bob = await connect(b, { protocol: "parley.v1" });
  bob.send({ type: "hello", name: "Bob" }, { type: "join" });
  const { members, memberCount } = await bob.next("joined");
  assertEquals([members.map(({ name }) => name).toSorted(), memberCount], [
    ["Alice", "Bob", "Carol"],
    3,
  ]);
  bob.send({ type: "rename", name: "Bobby" });
  await bob.next("system", ({ kind }) => kind === "renamed");
  await bob.close();
  const notices = async (client: Client) => {
    const seen: string[] = [];
    while (!seen.includes("Bobby left.")) {
      const { payload, memberCount } = await client.next("system");
      seen.push(payload, String(memberCount));
    }
    return seen.slice(seen.indexOf("Bob joined."));
  };
  const expected = ["Bob joined.", "3", "Bob is now Bobby.", "3", "Bobby left.", "2"];
  assertEquals([await notices(alice), await notices(carol)], [expected, expected]);
  for (const node of [a, b]) {
    await until(async () => {
      const { rooms } = await (await fetch(`${node.url}/rooms`)).json();
      return rooms.length === 1 && rooms[0].memberCount === 2;
    }, "both nodes to name the room");
  }
});

test("a user on two nodes is one member, with one name", async ({ a, b }) => {
  await using watcher = await member(a, { name: "Watcher" });
  const first = await connect(a, { protocol: "parley.v1" });
  first.send({ type: "hello", name: "Alice" }, { type: "join" });
  const { token, user } = await first.next("welcome");
  const second = await connect(b, { protocol: "parley.v1" });
  second.send({ type: "hello", token }, { type: "join" });
  assertEquals((await second.next("joined")).memberCount, 2);
  second.send({ type: "chat", payload: "x" });
  assertEquals((await watcher.next("chat")).from, user); // it is Alice there too
  first.send({ type: "rename", name: "Alicia" });
  await second.next("system", ({ kind }) => kind === "renamed");
  second.send({ type: "chat", payload: "y" });
  assertEquals((await watcher.next("chat")).from.name, "Alicia");
  await first.close();
  await second.close();
  assertEquals((await watcher.next("system", ({ kind }) => kind === "left")).memberCount, 1);
  assert(!watcher.pending.some(({ type }) => type === "system"));
});

test("typing and other signals reach the other node", async ({ a, b }) => {
  await using alice = await member(a, { name: "Alice" });
  await using bob = await member(b, { name: "Bob" });
  alice.send({ type: "typing", payload: true }, { type: "custom", name: "wave", payload: 1 });
  assertEquals((await bob.next("typing")).from.name, "Alice");
  assertEquals((await bob.next("custom")).payload, 1);
  assertEquals((await alice.next("custom")).payload, 1);
  assert(!alice.pending.some(({ type }) => type === "typing"));
});

test("a cursor, a token and a ref of one node are valid on the other", async ({ a, b }) => {
  const alice = await connect(a, { protocol: "parley.v1" });
  alice.send({ type: "hello", name: "Alice" }, { type: "join" });
  const { token } = await alice.next("welcome");
  const { epoch } = await alice.next("joined");
  alice.send({ type: "chat", payload: "one", ref: "r" }, { type: "chat", payload: "two" });
  await alice.take("chat", 2);
  await alice.close();
  await using again = await connect(b, { protocol: "parley.v1" });
  again.send({ type: "hello", token }, { type: "join", since: { epoch, seq: 1 } });
  assertEquals((await again.next("joined")).recovered, true);
  assertEquals((await again.next("chat")).payload, "two");
  again.send({ type: "chat", payload: "one", ref: "r" });
  assertEquals((await again.next("chat")).seq, 1);
});

test("a client on one node and an event stream on the other are in one room", async ({ a, b }) => {
  await using stream = await Stream.open(b);
  await using alice = await member(a, { name: "Alice" });
  alice.send({ type: "chat", payload: "hi" });
  assertEquals((await stream.next("chat")).payload, "hi");
});

testRedis(
  "FLUSHALL begins a new epoch on all nodes, and no seq comes twice",
  async ({ redis, a, b }) => {
    await using alice = await member(a, { name: "Alice" });
    await using bob = await member(b, { name: "Bob" });
    alice.send({ type: "chat", payload: "one" }, { type: "chat", payload: "two" });
    await bob.take("chat", 2);
    const state = async () => (await fetch(`${a.url}/rooms/lobby/messages`)).json();
    const { epoch } = await state();
    await redis.ask("FLUSHALL");
    bob.send({ type: "chat", payload: "three" });
    const joined = [await alice.next("joined"), await bob.next("joined")];
    assertEquals(joined.map(({ recovered }) => recovered), [false, false]);
    assertEquals(joined[0]?.epoch, joined[1]?.epoch);
    assert(joined[0]?.epoch !== epoch);
    const heard = [await alice.next("chat"), await bob.next("chat")];
    assertEquals(heard.map(({ seq, payload }) => [seq, payload]), [[1, "three"], [1, "three"]]);
    await using again = await connect(a, { protocol: "parley.v1" });
    again.send({ type: "join", since: { epoch, seq: 2 } });
    assertEquals((await again.next("joined")).recovered, false);
  },
);

testRedis("writes that a failover lost begin a new epoch", async ({ redis, a, b }) => {
  await using alice = await member(a, { name: "Alice" });
  await using bob = await member(b, { name: "Bob" });
  alice.send({ type: "chat", payload: "one" });
  await bob.next("chat");
  for (const key of ["log", "entries"]) {
    await redis.ask("COPY", `parley:{lobby}:${key}`, `parley:{lobby}:${key}:then`);
  }
  alice.send({ type: "chat", payload: "two" });
  await bob.next("chat");
  const before = (await (await fetch(`${a.url}/rooms/lobby/messages`)).json()).epoch;
  // As on a replica that had not heard of the second yet.
  for (const key of ["log", "entries"]) {
    await redis.ask("COPY", `parley:{lobby}:${key}:then`, `parley:{lobby}:${key}`, "REPLACE");
  }
  bob.send({ type: "chat", payload: "other" });
  const { epoch } = await alice.next("joined");
  assert(epoch !== before);
  const { seq, payload } = await alice.next("chat", ({ seq }) => seq > 1);
  assertEquals([seq, payload], [2, "other"]);
  assertEquals((await bob.next("joined")).epoch, epoch);
});

testRedis(
  "clients stay connected while Redis is away, and catch up afterwards",
  async ({ redis, a, b }) => {
    await using alice = await member(a, { name: "Alice" });
    await using bob = await member(b, { name: "Bob" });
    alice.send({ type: "chat", payload: "before" });
    const { seq } = await bob.next("chat");
    await redis.kill();
    alice.send({ type: "chat", payload: "lost", ref: "r" });
    const { code, ref } = await alice.next("error");
    assertEquals([code, ref], ["unavailable", "r"]);
    await redis.restart();
    await until(async () => await post(b, "after") === 201, "Redis to be used again");
    const after = await alice.next("chat", ({ payload }) => payload === "after");
    assertEquals(after.seq, seq + 1); // of the same epoch
    assertEquals(await bob.next("chat"), after);
    assert(!bob.pending.some(({ type }) => type === "joined"));
  },
);

testRedis("a gap in what Pub/Sub brings is filled from the log", async ({ redis, a, b }) => {
  await using alice = await member(a, { name: "Alice" });
  await using bob = await member(b, { name: "Bob" });
  // What b listened to is cut off, and comes back; what is said meanwhile is not heard.
  for (let i = 0; i < 20; i++) {
    await redis.ask("CLIENT", "KILL", "TYPE", "pubsub");
    alice.send({ type: "chat", payload: `${i}` });
  }
  assertEquals((await bob.take("chat", 20)).map(({ payload }) => payload), numbers(20));
  assertEquals((await alice.take("chat", 20)).map(({ payload }) => payload), numbers(20));
});

async function post({ url }: Server, payload: string): Promise<number> {
  const response = await fetch(`${url}/rooms/lobby/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ payload }),
  });
  await response.body?.cancel();
  return response.status;
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

test("an application's users and guests look the same on all nodes", async ({ a, b }) => {
  const tokenOf = (claims: object) => tokenFor(claimsOf({ sub: "ada", name: "Ada", ...claims }));
  const enter = async (server: Server, claims: object) => {
    const client = await connect(server, { path: `/ws?token=${await tokenOf(claims)}` });
    const { members } = await client.next("joined");
    return { client, members };
  };
  await using gus = await member(b, { name: "Gus" });
  const { client: ada } = await enter(a, { info: { picture: "1" } });
  await using _ = ada;
  const { user } = await gus.next("system", ({ kind }) => kind === "joined");
  assertEquals(user, { id: "ada", name: "Ada", info: { picture: "1" } });
  const { client: again, members } = await enter(b, { info: { picture: "2" } });
  await using __ = again;
  assertEquals(members.find(({ name }) => name === "Gus")?.guest, true);
  const shows = async (server: Server, expected: unknown) => {
    await using stream = await Stream.open(server);
    const { members } = await stream.next("joined");
    return JSON.stringify(members.find(({ id }) => id === "ada")) === JSON.stringify(expected);
  };
  const newest = { id: "ada", name: "Ada", info: { picture: "2" } };
  await until(async () => await shows(a, newest) && await shows(b, newest), "the new picture");
  ada.send({ type: "chat", payload: "end" });
  await gus.next("chat", ({ payload }) => payload === "end");
  assert(!gus.frames.some((frame) => frame.includes("renamed")));
}, { jwtSecret: SECRET });

test("a user without a name keeps the chosen one when coming by another node", async ({ a, b }) => {
  const token = await tokenFor(claimsOf({ sub: "grace@example.com" }));
  await using one = await connect(a, { path: `/ws?token=${token}` });
  await one.next("joined");
  one.send({ type: "rename", name: "Grace" });
  await one.next("system", ({ kind }) => kind === "renamed");
  await using two = await connect(b, { path: `/ws?token=${token}` });
  await two.next("joined");
  two.send({ type: "chat", payload: "x" });
  await until(async () => {
    two.send({ type: "chat", payload: "who am I?" });
    return (await two.next("chat")).from.name === "Grace";
  }, "the name to be taken over");
  one.send({ type: "chat", payload: "end" });
  const { from } = await one.next("chat", ({ payload }) => payload === "end");
  assertEquals(from.name, "Grace");
}, { jwtSecret: SECRET });
