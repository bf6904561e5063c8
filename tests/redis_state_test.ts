/**
 * Retained events and orders over Redis: what one node changes, the others know, also when messages
 * between them were lost.
 *
 * @module
 */
import { RedisLink } from "../server/broker/redis/link.ts";
import { RedisNames } from "../server/broker/redis/names.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import { RedisRetained } from "../server/broker/redis/retained.ts";
import { SharedHash } from "../server/broker/redis/shared_hash.ts";
import { FullError } from "../server/broker/broker.ts";
import { silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { assertEquals, assertRejects } from "./support/assert.ts";
import { until } from "./support/harness.ts";
import { type FaultProxy, faultProxy } from "./support/proxy.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { BAN, Heard, retain } from "./support/state_suite.ts";

interface TwoNodes {
  readonly redis: RedisProcess;
  readonly a: RedisBroker;
  readonly b: RedisBroker;
  /** Between `b` and Redis. */
  readonly proxy: FaultProxy;
}

/** A lease under which a heartbeat comes every 200 ms. */
const LEASE_MS = 600;
/**
 * A lease under which no heartbeat comes while a test runs. One that finds a change before its message has come
 * reads everything anew, and then the change is not told by itself.
 */
const QUIET_LEASE_MS = 600_000;

function open(url: string, leaseMs = LEASE_MS): Promise<RedisBroker> {
  const policy = { retainMessages: 0, retainDays: 0, dedupeMessages: 1000 };
  return RedisBroker.open({ url, ...policy, leaseMs });
}

function test(
  behaviour: string,
  act: (nodes: TwoNodes) => Promise<void>,
  leaseMs = LEASE_MS,
): void {
  Deno.test({
    name: `redis state: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await using proxy = faultProxy(redis.url);
      await using a = await open(redis.url, leaseMs);
      await using b = await open(proxy.url.replace("http", "redis"), leaseMs);
      await act({ redis, a, b, proxy });
    },
  });
}

test("what one node retains, the others are told in the same order", async ({ a, b }) => {
  const { changes } = new Heard(b);
  const own = new Heard(a);
  for (const node of [a, b]) await node.open("lobby");
  const writes = Array.from({ length: 50 }, (_, i) => retain(i % 2 ? a : b, `n${i % 3}`, i));
  await Promise.all(writes);
  await retain(a, "n0", null);
  await until(
    () => changes.at(-1) === "n0=null" && own.changes.at(-1) === "n0=null",
    "all changes",
  );
  assertEquals(changes, own.changes);
  assertEquals(changes.length, 52);
}, QUIET_LEASE_MS);

/** Whether the last that was told of a room is this one event, by itself or because all were read. */
function isTold(changes: readonly string[], change: string): boolean {
  return changes.at(-1) === change || changes.at(-1) === `[${change}]`;
}

test("retained events that a node missed are read when it is back", async ({ a, b, proxy }) => {
  const { changes } = new Heard(b);
  await b.open("lobby");
  await retain(a, "topic", "old");
  await until(() => isTold(changes, "topic=old"), "the first change");
  proxy.stall("down");
  await retain(a, "topic", "new");
  proxy.cut();
  proxy.flow();
  await until(() => changes.at(-1) === "[topic=new]", "the missed change");
  await retain(a, "topic", "newer");
  await until(() => isTold(changes, "topic=newer"), "the next change");
});

test("a change whose message got lost is found by the heartbeat", async ({ redis, a, b }) => {
  const { changes, replaced } = new Heard(b);
  await b.open("lobby");
  await retain(a, "topic", "old");
  await a.order(BAN);
  await redis.ask(
    "HSET",
    "parley:{lobby}:retained",
    "",
    "9",
    "topic",
    '{"name":"topic","payload":7}',
  );
  await redis.ask("DEL", "parley:sanctions");
  await until(() => changes.at(-1) === "[topic=7]", "the changed event");
  await until(() => replaced.length > 0, "the lost ban");
  assertEquals([replaced.at(-1), b.sanctions()], [[], []]);
});

test("each order reaches every node once", async ({ a, b }) => {
  const nodes = [a, b].map((node) => new Heard(node));
  const orders = [BAN, { kind: "refresh", userId: "u1" }, {
    kind: "remove",
    room: "x",
    userId: "u1",
  }] as const;
  for (const order of orders) await a.order(order);
  for (const { orders: heard } of nodes) {
    await until(() => heard.length >= orders.length, "the orders");
    assertEquals(heard, [...orders]);
  }
  assertEquals([a.sanctions(), b.sanctions()], [[BAN], [BAN]]);
}, QUIET_LEASE_MS);

test(
  "a change that arrives while its process stands still is told by itself",
  async ({ redis }) => {
    const names = new RedisNames("parley", 0);
    const surroundings = { metrics: new Metrics(), scripts: [], names, log: silentLog };
    const link = await RedisLink.open({ url: redis.url, ...surroundings, settlingMs: 0 });
    const told: string[] = [];
    const hash = new SharedHash(link, "hash", {
      changed: ({ field }) => told.push(field),
      read: () => told.push("all"),
    });
    await hash.read();
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using far = await listener.accept();
    const heard = far.read(new Uint8Array(1)).then(() => hash.receive("0 1 +\nfield\nvalue"));
    const arrived = hash.arrived("1");
    const written = near.write(new Uint8Array(1)); // in the far end's buffer at once, and not read yet
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); // longer than a change may take
    await Promise.all([heard, arrived, written]);
    assertEquals(told, ["all", "field"]);
    await link.close();
  },
  QUIET_LEASE_MS,
);

test("a node that missed orders carries them out when it is back", async ({ a, b, proxy }) => {
  const { orders, replaced } = new Heard(b);
  await a.order({ kind: "refresh", userId: "before" });
  await until(() => orders.length === 1, "the first order");
  proxy.stall("down");
  await a.order(BAN);
  await a.order({ kind: "disconnect", userId: "u1" });
  proxy.cut();
  proxy.flow();
  await until(() => orders.length === 2, "the missed order");
  assertEquals(orders[1], { kind: "disconnect", userId: "u1" });
  assertEquals(replaced.at(-1), [BAN]);
  assertEquals(b.sanctions(), [BAN]);
});

test("orders from before a node started are not for it, but sanctions are", async ({ redis, a }) => {
  await a.order({ kind: "disconnect", userId: "u1" });
  await a.order(BAN);
  await using later = await open(redis.url);
  const { orders } = new Heard(later);
  assertEquals(later.sanctions(), [BAN]);
  await a.order({ kind: "refresh", userId: "u1" });
  await until(() => orders.length > 0, "the next order");
  assertEquals(orders, [{ kind: "refresh", userId: "u1" }]);
});

test("sanctions that have ended are removed, and no others", async ({ redis, a, b }) => {
  await a.order({ ...BAN, until: Date.now() + 300 });
  await a.order({ ...BAN, kind: "mute" });
  await until(
    async () => await redis.ask("HLEN", "parley:sanctions") === "2",
    "the end of the ban",
  );
  await until(() => b.sanctions().length === 1, "the other node to know it");
  assertEquals(a.sanctions(), [{ ...BAN, kind: "mute" }]);
});

test("what strangers publish on the channels is passed over", async ({ redis, a, b }) => {
  const { changes, orders } = new Heard(b);
  await b.open("lobby");
  const junk = [
    "r",
    "o",
    "r1 2 +",
    "o1 2 +\nx",
    "r1 99999999999999999 +\nx\ny",
    "o\n\n\n",
    "r- - +\na\nb",
  ];
  for (const message of junk) {
    await redis.ask("PUBLISH", "parley:{lobby}:heard:0", message);
    await redis.ask("PUBLISH", "parley:orders:0", message);
  }
  await retain(a, "topic", 1);
  await a.order({ kind: "refresh", userId: "u1" });
  await until(() => changes.at(-1) === "topic=1" && orders.length > 0, "the real ones");
  assertEquals([changes, orders.length], [["[]", "topic=1"], 1]);
}, QUIET_LEASE_MS);

test("rooms without members lose their events first when too many rooms retain some", async ({ redis }) => {
  const names = new RedisNames("parley", 0);
  const options = {
    url: redis.url,
    metrics: new Metrics(),
    scripts: [],
    names,
    log: silentLog,
    settlingMs: 0,
  };
  const link = await RedisLink.open(options);
  const kept = new RedisRetained(link, 2);
  const event = { name: "a", event: "{}", isRemoval: false };
  await redis.ask("ZADD", names.counts, "1", "open", "1", "open too");
  for (const room of ["open", "old", "new"]) await kept.retain(room, event);
  const rooms = async () => (await redis.ask("KEYS", "*retained")).split("\n").sort();
  const keys = (...rooms: string[]) => rooms.map((room) => names.key(room, "retained")).sort();
  assertEquals(await rooms(), keys("open", "new"));
  await kept.retain("open too", event);
  assertEquals(await rooms(), keys("open", "open too"));
  await redis.ask("ZADD", names.counts, "1", "open three");
  await kept.retain("open three", event); // one more than may be, which is noticed afterwards
  await assertRejects(() => kept.retain("fourth", event), FullError, "in all");
  await kept.retain("open", event);
  await kept.retain("open", { ...event, isRemoval: true });
  await kept.retain("open too", { ...event, isRemoval: true });
  await kept.retain("fourth", event);
  await link.close();
});
