/**
 * The Redis broker: the suite that every broker passes, and what only a log on another machine does.
 *
 * @module
 */
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import type { RedisOptions } from "../server/broker/redis/redis_options.ts";
import { BrokerError, FullError } from "../server/broker/broker.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { draft, linesOf, type Store, testBroker, textsOf } from "./support/broker_suite.ts";
import { until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { react } from "./support/revision_suite.ts";
import { Paper } from "./support/paper.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** The user that OPERATIONS.md gives Parley: the suite shows that it may do all that is needed. */
const USER = (await Paper.read("server/OPERATIONS.md")).snippet("text", "user parley on")
  .trim().split(/\s+/).slice(1);

/** A Redis of its own, empty. */
class RedisStore implements Store {
  readonly redis: RedisProcess;

  constructor(redis: RedisProcess) {
    this.redis = redis;
  }

  open(options: Partial<RedisOptions> = {}): Promise<RedisBroker> {
    return RedisBroker.open({
      url: this.redis.url.replace("//", "//parley:change-me@"),
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
  }
}

const make = async () => new RedisStore(await RedisProcess.start("nothing", "--user", ...USER));

testBroker({ name: "redis", make, ignore: WITHOUT_REDIS });

function test(behaviour: string, act: (store: RedisStore) => Promise<void>): void {
  Deno.test({
    name: `redis: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using store = await make();
      await act(store);
    },
  });
}

test("a batch whose answer was lost is stored once, with refs and without", async (store) => {
  await using proxy = faultProxy(store.redis.url);
  await using broker = await store.open({ url: proxy.url.replace("http", "redis") });
  const heard: number[] = [];
  broker.listen({
    committed: (_, page) => heard.push(...linesOf(page).map(({ seq }) => seq)),
    signalled() {},
  });
  await broker.open("lobby");
  await broker.publish([draft("old", { ref: "o" })]);
  for (let round = 0; round < 3; round++) {
    proxy.stall("down");
    const batch = [draft(`a${round}`), draft(`b${round}`, { ref: `${round}`, receipt: true })];
    const publishing = broker.publish([...batch, draft("again", { ref: "o" })]);
    const count = async () => await store.redis.ask("ZCARD", "parley:{lobby}:entries");
    await until(async () => await count() === String(round + 2), "the batch to be stored");
    proxy.cut();
    proxy.flow();
    const receipts = await publishing;
    assertEquals(receipts.map(({ seq, repeated }) => [seq, repeated]), [
      [2 * round + 3, false],
      [1, true],
    ]);
  }
  assertEquals(await textsOf(broker), ["old", "a0", "b0", "a1", "b1", "a2", "b2"]);
  assertEquals(heard, [1, 2, 3, 4, 5, 6, 7]);
});

test("a message that was refused is never stored, even if Redis gets it later", async (store) => {
  await using broker = await store.open();
  await broker.open("lobby");
  await broker.publish([draft("before")]);
  store.redis.signal("SIGSTOP");
  await assertRejects(() => broker.publish([draft("never")]), BrokerError);
  store.redis.signal("SIGCONT");
  await until(
    () => broker.publish([draft("after")]).then(() => true, () => false),
    "Redis to be used again",
  );
  assertEquals((await textsOf(broker)).filter((text) => text === "never"), []);
});

test("a room's keys share a slot, and rooms do not share keys", async (store) => {
  await using broker = await store.open();
  const rooms = ["{", "}", "{}", "a}b", "a{b", "%7B", "é", "a:b"];
  await broker.publish(rooms.map((room) => draft(room, { room, ref: "r" })));
  for (const room of rooms) assertEquals(await textsOf(broker, room), [room]);
  const keys = (await store.redis.ask("KEYS", "parley:*")).split("\n");
  assertEquals(keys.filter((key) => !/^parley:\{[^{}]+\}:[^{}]+$/.test(key)), ["parley:secret"]);
});

test("a batch larger than what a command takes is stored, but for its repeats", async (store) => {
  await using broker = await store.open();
  const drafts = Array.from({ length: 9_000 }, (_, i) => draft(String(i), { ref: `r${i}` }));
  await broker.publish(drafts.filter((_, i) => i % 3 === 0));
  const repeated = (await broker.publish([...drafts, ...drafts])).filter((one) => one.repeated);
  assertEquals(repeated.length, 3_000 + 9_000);
  for (const { draft, seq, event } of repeated) {
    const stored = JSON.parse(event);
    assertEquals([stored.seq, stored.ref], [seq, draft.ref]);
  }
  assertEquals((await broker.state("lobby")).head, 9_000);
});

test("messages that are too old go, and the room goes on counting", async (store) => {
  await using broker = await store.open({ retainDays: 1 });
  await broker.publish([draft("old")]);
  const key = "parley:{lobby}:";
  assert(Number(await store.redis.ask("PTTL", `${key}entries`)) > 86_400_000);
  // As it is two days later.
  const [old = ""] = (await broker.read("lobby", { limit: 1 }))?.batch.events ?? [];
  await store.redis.ask("DEL", `${key}entries`);
  await store.redis.ask("ZADD", `${key}entries`, "1", `1 1 1\n${old}`);
  await store.redis.ask("HSET", `${key}log`, "aged", "0");
  await broker.publish([draft("new")]);
  assertEquals(await textsOf(broker), ["new"]);
  assertEquals((await broker.state("lobby")).head, 2);
});

test("a room whose messages were all too old goes on, also when they are kept for longer from now on", async (store) => {
  const key = "parley:{lobby}:";
  {
    await using broker = await store.open({ retainDays: 1 });
    await broker.publish([draft("old")]);
    // As it is two days later.
    const ago = String(Date.now() - 2 * 86_400_000);
    await store.redis.ask("DEL", `${key}entries`);
    await store.redis.ask("ZADD", `${key}entries`, "1", `1 1 ${ago}\n{}`);
    await store.redis.ask("HSET", `${key}log`, "aged", "0", "at", ago);
    await broker.open("lobby");
    assertEquals(await store.redis.ask("EXISTS", `${key}entries`), "0");
  }
  await using broker = await store.open({ retainDays: 7 });
  const { head, epoch } = await broker.state("lobby");
  assertEquals(head, 1);
  assertEquals((await broker.open("lobby")).epoch, epoch);
  await broker.publish([draft("new")]);
  assertEquals((await broker.state("lobby")).head, 2);
});

test("retainDaysOf() overrides how long the messages of a room are kept", async (store) => {
  const days: Record<string, number> = { short: 1, long: 0 };
  await using broker = await store.open({ retainDays: 7, retainDaysOf: (room) => days[room] });
  const day = 86_400_000;
  const rooms: readonly (readonly [room: string, lives: (ms: number) => boolean])[] = [
    ["short", (ms) => ms > day && ms <= 2 * day],
    ["lobby", (ms) => ms > 7 * day && ms <= 8 * day],
    ["long", (ms) => ms === -1],
  ];
  for (const [room, lives] of rooms) {
    await broker.publish([draft("x", { room, ref: "r" }), react(1, "x", { room })]);
    for (const key of ["entries", "young", "revs", "reactions", "about"]) {
      const ms = Number(await store.redis.ask("PTTL", `parley:{${room}}:${key}`));
      assert(lives(ms), `${room} ${key}: ${ms}`);
    }
  }
});

test("a room whose messages are kept for ever from now on never expires", async (store) => {
  {
    await using broker = await store.open({ retainDays: 1, dedupeMessages: 1 });
    for (const ref of ["1", "2"]) await broker.publish([draft("x", { ref })]);
  }
  await store.redis.ask("HSET", "parley:{lobby}:log", "aged", "0"); // as it is a minute later
  await using broker = await store.open({ retainDays: 0, dedupeMessages: 1 });
  await broker.publish([draft("y")]);
  for (const key of ["log", "entries", "young", "old"]) {
    const name = `parley:{lobby}:${key}`;
    assertEquals([key, Number(await store.redis.ask("PTTL", name))], [key, -1]);
  }
});

test("a full Redis refuses messages with the reason, goes on reading, and stores again when there is room", async (store) => {
  await using broker = await store.open();
  await broker.open("lobby");
  await broker.publish([draft("before")]);
  await store.redis.ask("CONFIG", "SET", "maxmemory", "1");
  await assertRejects(() => broker.publish([draft("too much")]), FullError, "memory");
  assertEquals(await textsOf(broker), ["before"]);
  await store.redis.ask("CONFIG", "SET", "maxmemory", "0");
  await broker.publish([draft("after")]);
  assertEquals(await textsOf(broker), ["before", "after"]);
});

test("an answer that came while this process was busy counts", async (store) => {
  await using proxy = faultProxy(store.redis.url);
  const warnings: string[] = [];
  const log = { info() {}, warn: (event: string) => void warnings.push(event), error() {} };
  await using broker = await store.open({ url: proxy.url.replace("http", "redis"), log });
  await broker.publish([draft("a")]);
  proxy.pass({ delayMs: 1 }); // the answer takes a turn of the event loop
  const asking = broker.state("lobby");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_100); // longer than a command may take
  assertEquals((await asking).head, 1);
  assert(!warnings.includes("redis away"));
});

test("a Redis that takes no writes is refused in one line", async (store) => {
  await store.redis.ask("CONFIG", "SET", "maxmemory", "1");
  const { message } = await assertRejects(() => store.open(), BrokerError);
  assert(message.startsWith("Cannot use Redis at ") && message.includes("OOM"), message);
});

Deno.test("redis: open() says in one line what is wrong, and not the password", async () => {
  const url = "redis://user:secret@127.0.0.1:1";
  const options = { url, retainMessages: 0, retainDays: 0, dedupeMessages: 1 };
  const { message } = await assertRejects(() => RedisBroker.open(options), BrokerError);
  assert(!message.includes("\n") && !message.includes("secret"), message);
});
