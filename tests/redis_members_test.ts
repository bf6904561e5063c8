/**
 * What the nodes tell each other of members over Redis, when answers are late and when a node stops.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { RedisNames } from "../server/broker/redis/names.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import { RoomCounts } from "../server/broker/redis/room_counts.ts";
import { StaticFiles } from "../server/http/static_files.ts";
import { silentLog, type User } from "../server/mod.ts";
import { completeOptions } from "../server/options.ts";
import { Server } from "../server/server.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { member, until } from "./support/harness.ts";
import { type FaultProxy, faultProxy } from "./support/proxy.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** A lease so long that what is wrong stays wrong until the test ends, and no heartbeat mends it. */
const LEASE_MS = 300_000;
/** The lease of a node that stops. */
const ABSENCE_MS = 100_000;
const POLICY = {
  ...{ retainMessages: 0, retainDays: 0, dedupeMessages: 1000 },
  ...{ leaseMs: LEASE_MS, absenceMs: ABSENCE_MS },
};

/** A node, and who is in its room. */
class Node implements AsyncDisposable {
  readonly broker: RedisBroker;
  readonly #here = new Map<string, User>();

  constructor(broker: RedisBroker) {
    this.broker = broker;
    broker.listen({
      committed() {},
      signalled() {},
      membersHere: () => [...this.#here.values()],
    });
  }

  enter(id: string): void {
    const user = { id, name: id };
    this.#here.set(id, user);
    this.broker.members.enter("lobby", user);
  }

  leave(id: string): void {
    this.#here.delete(id);
    this.broker.members.leave("lobby", { id, name: id });
  }

  /** Forgets everybody, as a server does that stops. */
  forget(): void {
    this.#here.clear();
  }

  /** Waits until all that Redis has answered so far was heard here. */
  async heard(): Promise<void> {
    await this.broker.members.find("lobby", "nobody");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
  }
}

interface TwoNodes {
  readonly redis: RedisProcess;
  readonly a: Node;
  readonly b: Node;
  /** Between `b` and Redis. */
  readonly proxy: FaultProxy;
}

function test(behaviour: string, act: (nodes: TwoNodes) => Promise<void>): void {
  Deno.test({
    name: `redis members: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await using proxy = faultProxy(redis.url);
      await using a = new Node(await RedisBroker.open({ ...POLICY, url: redis.url }));
      const url = proxy.url.replace("http", "redis");
      await using b = new Node(await RedisBroker.open({ ...POLICY, url }));
      await act({ redis, a, b, proxy });
    },
  });
}

/** Waits until Redis knows so many members of the lobby. */
async function members(redis: RedisProcess, count: number): Promise<void> {
  const is = async () => await redis.ask("HLEN", "parley:{lobby}:people") === String(count);
  await until(is, `${count} members`);
}

/** Waits until the list of rooms shows so many members of the lobby. */
async function listed({ broker }: Node, count: number): Promise<void> {
  const is = async () => ((await broker.members.rooms(10, 0))[0]?.memberCount ?? 0) === count;
  await until(is, `${count} in the list of rooms`);
}

test("a count that one node sets late does not hide what another has set", async ({ redis, a, b, proxy }) => {
  for (const { broker } of [a, b]) await broker.open("lobby");
  a.enter("ann");
  b.enter("bo");
  await members(redis, 2);
  await listed(a, 2);
  proxy.stall("down");
  b.leave("bo");
  await members(redis, 1); // b is not told yet
  a.leave("ann");
  await members(redis, 0);
  await a.heard();
  await listed(a, 0);
  proxy.flow();
  await b.heard(); // it sets a count of 1 now
  await listed(b, 0);
});

test("a count is right after one node came and another went", async ({ redis, a, b }) => {
  for (const { broker } of [a, b]) await broker.open("lobby");
  a.enter("ann");
  a.enter("al");
  await listed(a, 2);
  b.enter("bo");
  await listed(a, 3);
  a.leave("al");
  await members(redis, 2);
  await a.heard();
  await listed(a, 2);
});

Deno.test("RoomCounts looks once at a time, however many come and go meanwhile", async () => {
  let [members, looking, maxLooking, set] = [0, 0, 0, ""];
  const names = new RedisNames("parley", 0);
  const ask = async (...[command, key, value = ""]: string[]) => {
    if (command === "ZADD" && key === names.counts) set = value;
    if (command !== "HLEN") return null;
    maxLooking = Math.max(maxLooking, ++looking);
    await new Promise((resolve) => setImmediate(resolve));
    looking--;
    if (members < 200) members++; // on another node
    return members;
  };
  const run = () => Promise.resolve([0, 0, members, 1000]);
  const counts = new RoomCounts({ ask, names, now: 0 }, { run });
  let last = Promise.resolve();
  for (let round = 0; round < 100; round++) {
    last = counts.set("lobby", members, 1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await last;
  assertEquals([maxLooking, members, set], [1, 200, "200"]);
});

test("what is reported while all members are read is not taken for missing", async ({ redis, a, b, proxy }) => {
  await b.broker.open("lobby");
  b.enter("bo");
  await members(redis, 1);
  await b.heard();
  proxy.stall("down");
  const reading = b.broker.members.open("lobby");
  b.enter("cy");
  await members(redis, 2);
  proxy.flow();
  await reading;
  await b.heard();
  b.leave("cy"); // and this is reported at once, and not by the next heartbeat
  await members(redis, 1);
  await listed(a, 1);
});

test("a node that stops reports no more, and nothing renews its lease", async ({ redis, a, b }) => {
  const ends = async () => {
    const [, end] = (await redis.ask("ZRANGE", "parley:{lobby}:nodes", "0", "0", "WITHSCORES"))
      .split("\n").map(Number);
    return end ?? 0;
  };
  await a.broker.open("lobby");
  a.enter("ann");
  await members(redis, 1);
  await a.heard();
  const { broker: { members: reports } } = a;
  void reports.end();
  a.leave("ann"); // she is sent away
  a.forget();
  await reports.heartbeat("lobby"); // as it may come at any time
  await reports.end();
  const end = await ends();
  await reports.heartbeat("lobby");
  await reports.open("lobby");
  await reports.list("lobby");
  await members(redis, 1);
  assert(await ends() < end + ABSENCE_MS / 2, "its lease was renewed");
  assertEquals(await b.broker.members.list("lobby"), [{ id: "ann", name: "ann" }]);
});

Deno.test({
  name: "redis members: a heartbeat while a server stops tells nobody that its users have left",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    const broker = await RedisBroker.open({ ...POLICY, url: redis.url });
    await using other = new Node(await RedisBroker.open({ ...POLICY, url: redis.url }));
    const end = broker[Symbol.asyncDispose].bind(broker);
    broker[Symbol.asyncDispose] = async () => {
      await broker.members.heartbeat("lobby"); // the timer may be due at this moment
      await end();
    };
    const options = completeOptions({ port: 0, redis: redis.url, graceSeconds: 0 });
    const server = new Server({ options, broker, files: await StaticFiles.load(), log: silentLog });
    server.listen();
    await using ann = await member(server, { name: "Ann" });
    await members(redis, 1);
    await server.stop();
    assertEquals((await other.broker.members.list("lobby")).map(({ name }) => name), ["Ann"]);
    await ann.closed;
  },
});
