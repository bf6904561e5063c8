/**
 * Ten thousand conversations with revisions on a database and as many over Redis, for `deno task soak`.
 * Prints the seed of the first one that does not end alike for everybody, and leaves with 1 then.
 *
 * @module
 */
import type { Options, Server } from "../../server/mod.ts";
import { serve } from "./harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./redis_process.ts";
import { SEED } from "./random.ts";
import { converse, MANAGERS, NARROW } from "./revision_model.ts";
import { Directory } from "./sqlite_directory.ts";

const RUNS = 10_000;
/** Conversations at once on the same servers, so that they wait for the disk together. */
const AT_ONCE = 30;
/** The share of all runs in which a server restarts. */
const RESTARTING = 0.02;
const STEPS = 40;
const NODES = 3;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

function open(store: Partial<Options>): Promise<Server> {
  return serve({ ...NARROW, ...store }, MANAGERS);
}

/** Has all conversations end alike, or leaves. */
async function converseAll(
  name: string,
  run: (seed: number, restarts: boolean) => Promise<void>,
): Promise<void> {
  say(`${RUNS} conversations with revisions ${name}, seed ${SEED}`);
  let next = 0;
  const some = async () => {
    while (next < RUNS) {
      const index = next++;
      if (index % 1000 === 0) say(`${index}`);
      await run(SEED + index, index < RUNS * RESTARTING).catch((thrown) => {
        say(`seed ${SEED + index}: ${thrown}`);
        Deno.exit(1);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  say("all alike");
}

async function onDatabases(): Promise<void> {
  await using shared = new Directory();
  await using server = await open({ db: shared.file });
  await converseAll("on a database", async (seed, restarts) => {
    await using at = new Directory();
    const openOne = () => restarts ? open({ db: at.file }) : Promise.resolve(server);
    await converse(seed, { open: openOne, steps: STEPS, restarts });
  });
}

/** Exported so that it can be run alone. */
export async function overRedis(): Promise<void> {
  await using redis = await RedisProcess.start();
  const store = { redis: redis.url };
  const servers = await Promise.all(Array.from({ length: NODES }, () => open(store)));
  await converseAll(`over Redis on ${NODES} nodes`, async (seed, restarts) => {
    const shared = restarts ? [] : [...servers];
    const openOne = async () => shared.pop() ?? await open(store);
    await converse(seed, { open: openOne, nodes: NODES, steps: STEPS, restarts });
  });
  await Promise.all(servers.map((server) => server.stop()));
}

if (import.meta.main) {
  await onDatabases();
  if (WITHOUT_REDIS) say("There is no redis-server here.");
  else await overRedis();
}
