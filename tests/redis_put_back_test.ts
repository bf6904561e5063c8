/**
 * Redis put back to an older state while no node was running, so that nobody is left who knows what
 * clients were shown: each mark of an epoch says how far it is good.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { keysOf } from "../server/broker/redis/entries_script.ts";
import { POSITION } from "../server/broker/redis/log_scripts.ts";
import { RedisNames } from "../server/broker/redis/names.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { serveHasty } from "./support/hasty_node.ts";
import { connect, member, until } from "./support/harness.ts";
import { say } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const KEYS = keysOf(new RedisNames("parley", 0), "lobby");
const [LOG = "", ENTRIES = ""] = KEYS;

function test(behaviour: string, act: () => Promise<void>): void {
  Deno.test({ name: `redis put back: ${behaviour}`, ignore: WITHOUT_REDIS, fn: act });
}

/** Whether a cursor is recovered, and what comes after it. */
async function resume(server: Server, epoch: string, seq: number) {
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join", since: { epoch, seq } });
  const joined = await client.next("joined");
  const missed = joined.recovered ? joined.seq - seq : 0;
  const texts = (await client.take("chat", missed)).map(({ payload }) => payload);
  return { recovered: joined.recovered, texts, epoch: joined.epoch };
}

/** Stores so many messages, and answers the epoch of the lobby. */
async function talk(server: Server, from: number, to: number): Promise<string> {
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join" });
  const { epoch } = await client.next("joined");
  for (let n = from; n <= to; n++) assertEquals((await say(server, `${n}`)).status, 201);
  return epoch;
}

test("a cursor from after the backup is not recovered, one from before it is", async () => {
  await using redis = await RedisProcess.start();
  let epoch = "";
  {
    await using server = await serveHasty(redis.url);
    epoch = await talk(server, 1, 5);
    assertEquals(await redis.ask("SAVE"), "OK");
    await talk(server, 6, 10);
    assertEquals((await resume(server, epoch, 8)).texts, ["9", "10"]);
  }
  await redis.kill();
  await redis.restart(); // it reads the dump
  let later = "";
  {
    await using server = await serveHasty(redis.url);
    later = await talk(server, 11, 18);
    assert(later !== epoch);
    assertEquals((await resume(server, epoch, 10)).recovered, false);
    assertEquals((await resume(server, epoch, 6)).recovered, false);
    assertEquals((await resume(server, epoch, 5)).texts.length, 8);
    assertEquals((await resume(server, later, 10)).texts, ["16", "17", "18"]);
  }
  // Put back once more: what came under the second mark is unknown there.
  await redis.kill();
  await redis.restart();
  await using server = await serveHasty(redis.url);
  await talk(server, 21, 40);
  for (const [old, seq] of [[epoch, 10], [later, 10], [later, 5]] as const) {
    assertEquals((await resume(server, old, seq)).recovered, false);
  }
  assertEquals((await resume(server, epoch, 4)).recovered, true);
});

test("cursors are recovered after restarts of Parley, of Redis and of both", async () => {
  await using redis = await RedisProcess.start("file");
  const epochs: string[] = [];
  for (let round = 0; round < 3; round++) {
    {
      await using server = await serveHasty(redis.url);
      epochs.push(await talk(server, 1, 2));
    }
    {
      await using server = await serveHasty(redis.url);
      assertEquals(await talk(server, 3, 4), epochs.at(-1));
      for (const [index, epoch] of epochs.entries()) {
        const { recovered, texts } = await resume(server, epoch, 4 * index + 2);
        assert(recovered);
        assertEquals(texts.length, 4 * (round - index) + 2);
      }
    }
    await redis.kill();
    await redis.restart();
  }
});

test("a restart of Redis changes nothing while a node knows the log", async () => {
  await using redis = await RedisProcess.start("file");
  await using server = await serveHasty(redis.url);
  await using alice = await member(server, { name: "Alice" });
  const epoch = await talk(server, 1, 3);
  await redis.kill();
  await redis.restart();
  await until(async () => (await say(server, "after")).status === 201, "Redis to be used again");
  await alice.next("chat", ({ payload }) => payload === "after");
  assert(!alice.pending.some(({ type }) => type === "joined"));
  assertEquals((await resume(server, epoch, 3)).epoch, epoch);
});

test("only the latest marks are kept", async () => {
  await using redis = await RedisProcess.start();
  const look = (life: string) =>
    redis.ask(
      ...["EVAL", POSITION.source, String(KEYS.length), ...KEYS, life, `candidate${life}`],
      ...["channel", "", "", "0", "", "0", "", "0", "0", String(Date.now())],
    );
  for (let life = 0; life < 40; life++) await look(String(life));
  const marks = (await redis.ask("HGET", LOG, "marks")).split(" ");
  assertEquals(marks.length, 32);
  assertEquals([marks[0], marks.at(-1)], ["candidate7:0:0", "candidate38:0:0"]);
  assertEquals(await redis.ask("HGET", LOG, "epoch"), "candidate0.candidate39");
});

test("a clock that is ahead for a moment deletes nothing by age", async () => {
  await using redis = await RedisProcess.start();
  const DAY = 86_400_000;
  const now = Date.now();
  const look = (trusted: number) =>
    redis.ask(
      ...["EVAL", POSITION.source, String(KEYS.length), ...KEYS, "life", "candidate"],
      ...["channel", "", "candidate", "1", "", "0", "", "0", String(30 * DAY), String(trusted)],
    );
  await redis.ask("ZADD", ENTRIES, "2", `2 1 ${now - 35 * DAY}\n{}`);
  const log = ["epoch", "candidate", "head", "2", "life", "life", "at", String(now)];
  await redis.ask("HSET", LOG, ...log);
  // Redis's clock says that it is 40 days later than the node believes.
  await look(now - 40 * DAY);
  assertEquals(await redis.ask("ZCARD", ENTRIES), "1");
  await redis.ask("HSET", LOG, "aged", String(now + 40 * DAY)); // it was put back
  await look(now);
  assertEquals(await redis.ask("ZCARD", ENTRIES), "0");
});
