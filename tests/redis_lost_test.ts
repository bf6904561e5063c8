/**
 * Connections to Redis that are lost or slow: what callers are told, and that a node comes back.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { BrokerError, type Log, Refusal } from "../server/mod.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import { revisionDraft } from "../server/broker/revisions.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { serve, until } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { mark } from "./support/marks_suite.ts";
import { faultProxy } from "./support/proxy.ts";
import { Dice, SEED } from "./support/random.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { BAN, retain } from "./support/state_suite.ts";

const POLICY = { retainMessages: 0, retainDays: 0, dedupeMessages: 1000 };
/** Longer than an answer may take, and in which turns: in one of them it is connecting. */
const STILL_MS = 2_100;
const STILL_TURNS = 2;
const CUTS = 12;

/** Every call of a broker that asks Redis. */
function everyCall(broker: RedisBroker, round: number): readonly Promise<unknown>[] {
  const react = { kind: "react", seq: 1, payload: `${round}`, on: true, isManager: false } as const;
  return [
    broker.open("lobby"),
    broker.state("lobby"),
    broker.canResume("lobby", "mark", 1),
    broker.publish([draft("text")]),
    broker.publish([revisionDraft("lobby", "ada", react, undefined)]),
    broker.read("lobby", { limit: 10 }),
    broker.revisedSince("lobby", { after: 0, limit: 10 }),
    broker.reactionsOf("lobby", "ada", { after: 0, limit: 10 }),
    retain(broker, "topic", round),
    broker.order(BAN),
    broker.order({ kind: "refresh", userId: "ada" }),
    broker.marks.get("ada", "lobby"),
    broker.marks.all("ada"),
    broker.marks.write([mark(round)]),
    broker.members.list("lobby"),
    broker.members.find("lobby", "ada"),
    broker.members.rooms(10, 0),
    broker.eraser.room("erased"),
    broker.eraser.user({ userId: "nobody", isWhole: true }),
  ];
}

Deno.test({
  name: `redis lost: whatever is asked while the connection is cut fails as Redis's, seed ${SEED}`,
  ignore: WITHOUT_REDIS,
  fn: async () => {
    const dice = new Dice(SEED);
    await using redis = await RedisProcess.start();
    await using proxy = faultProxy(redis.url);
    const url = proxy.url.replace("http", "redis");
    await using broker = await RedisBroker.open({ url, ...POLICY, leaseMs: 600 });
    await broker.publish([draft("first")]);
    const thrown: unknown[] = [];
    for (let round = 0; round < CUTS; round++) {
      await until(() => broker.measure().isConnected === true, "Redis to be back");
      const asked = Promise.allSettled(everyCall(broker, round));
      for (let turns = dice.below(12); turns > 0; turns--) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      proxy.cut();
      const outcomes = await asked;
      for (const one of outcomes) if (one.status === "rejected") thrown.push(one.reason);
    }
    assert(thrown.length > 0);
    for (const one of thrown) {
      assert(one instanceof BrokerError && one.message.includes("Redis"), String(one));
    }
  },
});

Deno.test({
  name: "redis lost: every door says that it is unavailable, and the log that it is Redis",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    const reasons: string[] = [];
    const take = (_: string, facts: Readonly<Record<string, unknown>> = {}) =>
      void reasons.push(String(facts.reason));
    const log: Log = { info() {}, warn() {}, error: take };
    await using redis = await RedisProcess.start();
    await using proxy = faultProxy(redis.url);
    await using server = await serve({ redis: proxy.url.replace("http", "redis") }, { log });
    await server.publish("lobby", "text");
    const asked = () => [server.history("lobby"), server.members("lobby")];
    proxy.stall("down");
    const pending = asked();
    proxy.refusing = true;
    proxy.cut();
    for (const one of pending) await assertUnavailable(one);
    for (const one of asked()) await assertUnavailable(one);
    const { status, json } = await ask(server, MESSAGES);
    assertEquals([status, json.code], [503, "unavailable"]);
    await Promise.all(
      [
        server.publish("lobby", "more"),
        server.editMessage("lobby", 1, "changed"),
        server.ban("lobby", "ada"),
        server.emit("lobby", "topic", 1, { retain: true }),
        server.deleteUser("ada"),
      ].map(assertUnavailable),
    );
    assertEquals(reasons.filter((reason) => !reason.includes("Redis")), []);
    assert(reasons.length >= 8, reasons.join("\n"));
    proxy.flow();
    proxy.refusing = false;
    await until(() => server.publish("lobby", "after").then(() => true, () => false), "Redis back");
  },
});

async function assertUnavailable(asked: Promise<unknown>): Promise<void> {
  const refusal = await assertRejects(() => asked, Refusal);
  assertEquals(refusal.code, "unavailable");
  assert(/^[A-Z"].*\.$/.test(refusal.message), refusal.message);
}

Deno.test({
  name: "redis lost: a node whose every answer takes long can connect",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using proxy = faultProxy(redis.url);
    // As in a process that is busy: as many answers one after the other would take 3 seconds.
    proxy.pass({ delayMs: 75 });
    const url = proxy.url.replace("http", "redis");
    await using broker = await RedisBroker.open({ url, ...POLICY });
    assertEquals(broker.measure().isConnected, true);
  },
});

Deno.test({
  name: "redis lost: a node that stood still while it connected is connected afterwards",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    const open = () => RedisBroker.open({ url: redis.url, ...POLICY });
    await (await open())[Symbol.asyncDispose](); // the library is loaded
    const opening = open();
    for (let turns = 0; turns < STILL_TURNS; turns++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL_MS);
    }
    await using broker = await opening;
    assertEquals(broker.measure().isConnected, true);
  },
});
