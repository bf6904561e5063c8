/**
 * Three nodes, wanderers between them, and everything that goes wrong in a data centre, one after the
 * other: a node is killed, another stopped, Redis killed, paused, and cut off when it has just done
 * what it was asked. `STORM=1 deno test -A tests/storm_test.ts` is the long form.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { Crowd } from "./support/crowd.ts";
import { faultProxy } from "./support/proxy.ts";
import { SEED, seeded } from "./support/random.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { ServerProcess } from "./support/server_process.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const SCALE = IS_LONG
  ? { wanderers: 300, messages: 167, thinkMs: 4000, step: 0.2, stopMs: 30_000, pauseMs: 10_000 }
  : { wanderers: 24, messages: 100, thinkMs: 300, step: 1, stopMs: 1_000, pauseMs: 500 };
const OPTIONS = {
  PARLEY_RATE: "0",
  PARLEY_ADDRESS_RATE: "0",
  PARLEY_BAD_COMMANDS: "0",
  PARLEY_MAX_CONNECTIONS_PER_ADDRESS: "0",
  PARLEY_RETAIN_MESSAGES: "0",
  PARLEY_RECENT_MESSAGES: "0",
  PARLEY_DEDUPE_MESSAGES: "100000",
  PARLEY_GRACE_SECONDS: "1",
};

Deno.test({
  name: `storm: nodes and Redis fail in turn, and every guarantee is kept, seed ${SEED}`,
  ignore: WITHOUT_REDIS,
  fn: storm,
});

async function storm(): Promise<void> {
  await using redis = await RedisProcess.start("file");
  await using proxy = faultProxy(redis.url, SEED);
  const REDIS_URL = `redis://127.0.0.1:${new URL(proxy.url).port}`;
  await using a = await ServerProcess.start({ ...OPTIONS, PARLEY_REDIS: REDIS_URL });
  await using b = await ServerProcess.start({ ...OPTIONS, PARLEY_REDIS: redis.url });
  await using c = await ServerProcess.start({ ...OPTIONS, PARLEY_REDIS: redis.url });
  const { messages, thinkMs } = SCALE;
  const journey = { nodes: [a, b, c], random: seeded(SEED), messages, thinkMs };
  await using crowd = new Crowd(SCALE.wanderers, journey);
  const { checker } = crowd;
  const total = SCALE.wanderers * messages;
  /** Until so much more of all was said. */
  const progress = (share: number) =>
    crowd.echoes(Math.min(total - checker.echoes, share * SCALE.step * total));

  await progress(0.1);
  await b.kill();
  await progress(0.05);
  await b.restart();
  c.signal("SIGSTOP");
  await progress(0.05);
  await crowd.milliseconds(SCALE.stopMs);
  c.signal("SIGCONT");
  await progress(0.05);
  await redis.kill();
  await redis.restart();
  await progress(0.05);
  redis.signal("SIGSTOP");
  await crowd.milliseconds(SCALE.pauseMs);
  redis.signal("SIGCONT");
  await progress(0.05);
  for (let cut = 0; cut < 5; cut++) {
    proxy.stall("down"); // done, and the answer is lost
    await progress(0.01);
    proxy.cut();
    proxy.flow();
    await progress(0.02);
  }
  await crowd.allSaid();
  await crowd.settle(a, b, c);
  for (const node of [a, b, c]) assertEquals((await crowd.conclude(node)).texts.length, total);
  assertEquals(checker.echoes, total);
  // deno-lint-ignore no-console
  if (IS_LONG) console.log(`${total} messages, ${checker.unavailable} times unavailable`);
}
