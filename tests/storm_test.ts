/**
 * Three nodes, wanderers between them, and everything that goes wrong in a data centre, one after the
 * other: a node is killed, another stopped, Redis killed, paused, and cut off when it has just done
 * what it was asked. `STORM=1 deno test -A tests/storm_test.ts` is the long form.
 *
 * @module
 */
import type { ChatEvent } from "../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { until } from "./harness.ts";
import { faultProxy, seeded } from "./proxy.ts";
import { RedisProcess, WITHOUT_REDIS } from "./redis_process.ts";
import { ServerProcess } from "./server_process.ts";
import { Checker, type Journey, Wanderer } from "./wanderer.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const SCALE = IS_LONG
  ? { wanderers: 300, messages: 167, thinkMs: 4000, step: 0.2, stopMs: 30_000, pauseMs: 10_000 }
  : { wanderers: 24, messages: 100, thinkMs: 300, step: 1, stopMs: 1_000, pauseMs: 500 };
const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));
const OPTIONS = {
  RATE: "0",
  BAD_COMMANDS: "0",
  MAX_CONNECTIONS_PER_ADDRESS: "0",
  RETAIN_MESSAGES: "0",
  RECENT_MESSAGES: "0",
  DEDUPE_MESSAGES: "100000",
  GRACE_SECONDS: "1",
};

Deno.test({
  name: `storm: nodes and Redis fail in turn, and the checker is content, seed ${SEED}`,
  ignore: WITHOUT_REDIS,
  fn: storm,
});

async function storm(): Promise<void> {
  await using redis = await RedisProcess.start("file");
  await using proxy = faultProxy(redis.url, SEED);
  const REDIS_URL = `redis://127.0.0.1:${new URL(proxy.url).port}`;
  await using a = await ServerProcess.start({ ...OPTIONS, REDIS_URL });
  await using b = await ServerProcess.start({ ...OPTIONS, REDIS_URL: redis.url });
  await using c = await ServerProcess.start({ ...OPTIONS, REDIS_URL: redis.url });
  const { messages, thinkMs } = SCALE;
  const journey: Journey = { nodes: [a, b, c], random: seeded(SEED), messages, thinkMs };
  const checker = new Checker(journey);
  const wanderers = Array.from(
    { length: SCALE.wanderers },
    (_, index) => new Wanderer(`w${index}`, journey, checker),
  );
  const total = SCALE.wanderers * messages;
  const wandering = Promise.all(wanderers.map((wanderer) => wanderer.wander()));
  /** Until so much more of all was said; a failed wanderer fails the test at once. */
  const progress = async (share: number) => {
    const aim = Math.min(total, checker.echoes + share * SCALE.step * total);
    await Promise.race([
      wandering,
      until(() => checker.echoes >= aim, `${aim} of ${total} echoes`),
    ]);
  };
  const wait = (milliseconds: number) =>
    Promise.race([wandering, new Promise((resolve) => setTimeout(resolve, milliseconds))]);

  await progress(0.1);
  await b.kill();
  await progress(0.05);
  await b.restart();
  c.signal("SIGSTOP");
  await progress(0.05);
  await wait(SCALE.stopMs);
  c.signal("SIGCONT");
  await progress(0.05);
  await redis.kill();
  await redis.restart();
  await progress(0.05);
  redis.signal("SIGSTOP");
  await wait(SCALE.pauseMs);
  redis.signal("SIGCONT");
  await progress(0.05);
  for (let cut = 0; cut < 5; cut++) {
    proxy.stall("down"); // done, and the answer is lost
    await progress(0.01);
    proxy.cut();
    proxy.flow();
    await progress(0.02);
  }
  await wandering;
  await Promise.all(wanderers.map((wanderer) => wanderer.leave()));
  assertEquals(checker.echoes, total);
  for (const node of [a, b, c]) {
    const { epoch, log } = await readAll(node);
    assertEquals([log.length, checker.epochs], [total, [epoch]]);
    checker.verify(epoch, log);
  }
  await until(async () => {
    for (const node of [a, b, c]) if ((await roomsOf(node)).length > 0) return false;
    return true;
  }, "the room to be empty on all nodes");
  // deno-lint-ignore no-console
  if (IS_LONG) console.log(`${total} messages, ${checker.unavailable} times unavailable`);
}

async function readAll(node: { url: string }): Promise<{ epoch: string; log: ChatEvent[] }> {
  const log: ChatEvent[] = [];
  for (;;) {
    const query = `after=${log.length}&limit=200`;
    const response = await fetch(`${node.url}/rooms/lobby/messages?${query}`);
    const { epoch, messages } = await response.json();
    if (response.status === 503) continue; // it is not over the last cut yet
    if (messages.length === 0) return { epoch, log };
    log.push(...messages);
  }
}

async function roomsOf(node: { url: string }): Promise<unknown[]> {
  const { rooms } = await (await fetch(`${node.url}/rooms`)).json();
  assert(Array.isArray(rooms));
  return rooms;
}
