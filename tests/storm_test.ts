/**
 * Three nodes, wanderers between them, and everything that goes wrong in a data centre, one after the
 * other: a node is killed, another stopped, Redis killed, paused, and cut off when it has just done
 * what it was asked. And the same for one node of several threads, whose threads die as well.
 * `STORM=1 deno test -A tests/storm_test.ts` is the long form; `WORKERS` says how many threads serve, also
 * on each node over Redis.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { Crowd } from "./support/crowd.ts";
import { until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { SEED, seeded } from "./support/random.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { ServerProcess } from "./support/server_process.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const SCALE = IS_LONG
  ? { wanderers: 300, messages: 167, thinkMs: 4000, step: 0.2, stopMs: 30_000, pauseMs: 10_000 }
  : { wanderers: 24, messages: 100, thinkMs: 300, step: 1, stopMs: 1_000, pauseMs: 500 };
const WORKERS = Deno.env.get("WORKERS");
const OPTIONS = {
  PARLEY_RATE: "0",
  PARLEY_ADDRESS_RATE: "0",
  PARLEY_BAD_COMMANDS: "0",
  PARLEY_MAX_CONNECTIONS_PER_ADDRESS: "0",
  PARLEY_RETAIN_MESSAGES: "0",
  PARLEY_RECENT_MESSAGES: "0",
  PARLEY_DEDUPE_MESSAGES: "100000",
  PARLEY_GRACE_SECONDS: "1",
  ...(WORKERS !== undefined && { PARLEY_WORKERS: WORKERS }),
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

Deno.test(`storm: threads and their process fail in turn, and every guarantee is kept, seed ${SEED}`, async () => {
  const script = ["tests/support/troubled_program.ts"];
  const options = { PARLEY_WORKERS: "2", ...OPTIONS };
  await using server = await ServerProcess.start(options, { script, always: true });
  const { thinkMs } = SCALE;
  const messages = IS_LONG ? SCALE.messages : 40;
  const journey = { nodes: [server], random: seeded(SEED), messages, thinkMs };
  await using crowd = new Crowd(SCALE.wanderers, journey);
  const { checker } = crowd;
  const total = SCALE.wanderers * messages;
  const progress = (share: number) =>
    crowd.echoes(Math.min(total - checker.echoes, share * SCALE.step * total));

  for (let time = 0; time < (IS_LONG ? 4 : 1); time++) {
    await progress(0.05);
    for (let deaths = 0; deaths < (IS_LONG ? 3 : 2); deaths++) {
      await until(() => trouble(server, "worker"), "a thread to die");
      await progress(0.03);
    }
    await server.kill();
    await crowd.milliseconds(200);
    await server.restart();
    await progress(0.05);
    server.signal("SIGSTOP");
    await crowd.milliseconds(SCALE.pauseMs);
    server.signal("SIGCONT");
    await progress(0.05);
    let hasEnded = false;
    const ending = server.ended().finally(() => hasEnded = true);
    await until(async () => hasEnded || await trouble(server, "store"), "the thread to die");
    assertEquals((await ending).code, 1);
    await server.restart();
    await checker.check(server);
  }
  await crowd.allSaid();
  await crowd.settle(server);
  assertEquals((await crowd.conclude(server)).texts.length, total);
  assertEquals(checker.echoes, total);
});

/**
 * Has threads of that kind die. The door is the first thread's, and the kernel says which one answers.
 *
 * @returns whether it was that one.
 */
async function trouble(server: ServerProcess, what: string): Promise<boolean> {
  const headers = { connection: "close" };
  const response = await fetch(`${server.url}/trouble/${what}`, { headers }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}
