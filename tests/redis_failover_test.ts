/**
 * A failover that leaves connections open: the old master becomes a replica, and what once led to it
 * leads to the new one. Two real servers, and a proxy in the place of the address.
 *
 * @module
 */
import type { Log, Server } from "../server/mod.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { serveHasty } from "./support/hasty_node.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { ask, MESSAGES, say } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** A log that keeps its lines about Redis. */
class Lines implements Log {
  readonly lines: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[] =
    [];

  info(event: string, facts = {}): void {
    if (/^redis (away|back)$/.test(event)) this.lines.push({ event, facts });
  }
  warn(event: string, facts = {}): void {
    this.info(event, facts);
  }
  error(): void {}

  get events(): string[] {
    return this.lines.map(({ event }) => event);
  }
}

/** Two servers, the second a replica that has all of the first's; an address that leads to the first. */
async function pair() {
  const atOnce = ["--repl-diskless-sync-delay", "0"];
  const first = await RedisProcess.start("nothing", ...atOnce);
  const second = await RedisProcess.start("nothing", ...atOnce);
  await follow(second, first);
  const proxy = faultProxy(first.url);
  return {
    first,
    second,
    proxy,
    url: proxy.url.replace("http", "redis"),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
    },
  };
}

async function follow(replica: RedisProcess, master: RedisProcess): Promise<void> {
  await replica.ask("REPLICAOF", "127.0.0.1", String(master.port));
  const isUp = async () => (await replica.ask("INFO", "replication")).includes("link_status:up");
  await until(isUp, "the replica to have it all");
}

const isStored = async (server: Server, text: string) => (await say(server, text)).status === 201;

Deno.test({
  name: "failover: Parley follows the address to the new master, and says why",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await pair();
    const log = new Lines();
    await using a = await serve({ redis: redis.url, graceSeconds: 0 }, { log });
    await using b = await serve({ redis: redis.url, graceSeconds: 0 });
    await using alice = await member(a, { name: "Alice" });
    await using bob = await member(b, { name: "Bob" });
    alice.send({ type: "chat", payload: "before" });
    const { seq } = await bob.next("chat");
    await until(
      async () => (await redis.second.ask("HGET", "parley:{lobby}:log", "head")) === "1",
      "the replica to have it",
    );
    redis.proxy.target = redis.second.url; // new connections only
    await redis.second.ask("REPLICAOF", "NO", "ONE");
    await redis.first.ask("REPLICAOF", "127.0.0.1", String(redis.second.port));
    await until(() => isStored(a, "after"), "a to write to the new master");
    await until(() => isStored(b, "from b"), "b to write to the new master");
    // Heard on the new master too, though nothing had cut off the ears on the old one.
    for (const client of [alice, bob]) {
      const texts: string[] = [];
      while (texts.at(-1) !== "from b") texts.push((await client.next("chat")).payload);
      assertEquals(texts.slice(-2), ["after", "from b"]);
    }
    alice.send({ type: "typing", payload: true });
    assertEquals((await bob.next("typing")).from.name, "Alice");
    assert(seq === 1);
    await until(() => log.events.includes("redis back"), "it to be told");
    assertEquals(log.events, ["redis away", "redis back"]);
    assertMatch(String(log.lines[0]?.facts.reason), /READONLY/);
    assert(typeof log.lines[1]?.facts.awayMs === "number");
  },
});

Deno.test({
  name: "failover: while Redis is a replica writes are unavailable, and then succeed by themselves",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await pair();
    const log = new Lines();
    await using server = await serve({ redis: redis.url, graceSeconds: 0 }, { log });
    await using alice = await member(server, { name: "Alice" });
    await redis.second.ask("REPLICAOF", "NO", "ONE");
    await follow(redis.first, redis.second);
    alice.send({ type: "rename", name: "Alicia" });
    await until(() => log.events.length > 0, "it to be noticed");
    alice.send({ type: "chat", payload: "lost", ref: "r" });
    const { code, ref } = await alice.next("error");
    assertEquals([code, ref], ["unavailable", "r"]);
    await redis.first.ask("REPLICAOF", "NO", "ONE");
    await until(() => isStored(server, "after"), "Redis to be used again");
    assertEquals((await alice.next("chat")).payload, "after");
    await until(() => log.events.includes("redis back"), "it to be told");
    assertEquals(log.events, ["redis away", "redis back"]);
  },
});

Deno.test({
  name: "failover: Redis away and Redis back are one log line each, with the reason and the time",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start("file");
    const log = new Lines();
    await using server = await serve({ redis: redis.url }, { log });
    await using _alice = await member(server);
    await redis.kill();
    await until(() => log.events.length > 0, "it to be told");
    await redis.restart();
    await until(() => isStored(server, "after"), "Redis to be used again");
    await until(() => log.events.includes("redis back"), "it to be told");
    assertEquals(log.events, ["redis away", "redis back"]);
    assert(String(log.lines[0]?.facts.reason).length > 0);
  },
});

Deno.test({
  name: "failover: nothing breaks, whatever is published on a room's channel",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using server = await serve({ redis: redis.url, graceSeconds: 0 });
    await using alice = await member(server, { name: "Alice" });
    alice.send({ type: "chat", payload: "one" });
    await alice.next("chat");
    const epoch = await redis.ask("HGET", "parley:{lobby}:log", "epoch");
    const foreign = [
      "",
      "x",
      "m",
      "m\n",
      "m 1 2",
      `m${epoch}`,
      `m${epoch} 2 2 x\n{}`,
      `m${epoch} 1 9 1\n{}`,
    ]
      .concat(
        `m${epoch} 2 1 1\n`,
        `m${epoch} -5 1 1\n{}`,
        `m${epoch} 1e99 1e99 1\n{}`,
        `m${epoch} 2 9007199254740993 1\n{}`,
      )
      .concat("v", "v\n", `v${epoch}`, `v${epoch} 0`, `v${epoch} 0 x\n`, `v${epoch} x x\n1 1 {}`)
      .concat(`v${epoch} -9 x\n1 1 {}`, `v${epoch} 0 x\n9 1 {}`, `v${epoch} 0 x\n1 1 {}`)
      .concat("s", "s\n", "s{}", "s\n{}\n{}", "s\nnull", "s\n[]")
      .concat(
        "p",
        "p\n",
        "pNaN+\nid\nname",
        "p1",
        "p+\nid",
        "p1?\nid\nn",
        "p99999999999999999+\nid\nn",
        "e",
        "e\n\n",
      );
    for (const message of foreign) {
      assertEquals(await redis.ask("PUBLISH", "parley:{lobby}:heard:0", message), "1");
    }
    await using bob = await member(server, { name: "Bob" });
    await alice.next("system", ({ payload }) => payload === "Bob joined.");
    bob.send({ type: "chat", payload: "two" });
    const { seq, payload } = await alice.next("chat");
    assertEquals([seq, payload], [2, "two"]);
    bob.send({ type: "leave", room: "lobby" });
    assertEquals((await alice.next("system")).payload, "Bob left.");
    assertEquals(
      new Set(alice.frames.filter((frame) => !frame.startsWith('{"type":"'))),
      new Set(),
    );
  },
});

Deno.test({
  name: "failover: a master that was a replica meanwhile has the same run id, and other data",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await pair();
    const talk = async (server: Server, from: number, to: number) => {
      for (let n = from; n <= to; n++) assertEquals((await say(server, `${n}`)).status, 201);
    };
    let epoch = "";
    {
      await using server = await serveHasty(redis.first.url);
      await talk(server, 1, 5);
      const head = () => redis.second.ask("HGET", "parley:{lobby}:log", "head");
      await until(async () => await head() === "5", "the replica to have it");
      await redis.second.ask("REPLICAOF", "NO", "ONE");
      await talk(server, 6, 10);
      epoch = (await ask(server, MESSAGES)).json.epoch;
    }
    await follow(redis.first, redis.second);
    await redis.first.ask("REPLICAOF", "NO", "ONE");
    await using server = await serveHasty(redis.first.url);
    await talk(server, 11, 18);
    await using client = await connect(server, { protocol: "parley.v1" });
    for (const [seq, isRecovered] of [[10, false], [5, true]] as const) {
      client.send({ type: "join", since: { epoch, seq } });
      const { recovered } = await client.next("joined");
      assertEquals(recovered, isRecovered, `${seq}`);
    }
  },
});
