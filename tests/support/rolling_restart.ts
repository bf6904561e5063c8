/**
 * A rolling restart of two nodes on one Redis, behind the nginx of OPERATIONS.md: each is stopped and started
 * again, twice, while a crowd talks. `deno task soak` runs it with 300 clients.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "./assert.ts";
import { Crowd } from "./crowd.ts";
import { serve, until } from "./harness.ts";
import { NginxProcess } from "./nginx_process.ts";
import { SEED, seeded } from "./random.ts";
import { RedisProcess } from "./redis_process.ts";

export interface RestartPlan {
  readonly clients: number;
  readonly thinkMs: number;
  /** Seconds over which clients come back. */
  readonly returnSeconds: number;
  /** Messages that are said before, between and after the restarts. */
  readonly between: number;
}

const OPTIONS = {
  trustProxies: 1,
  rate: 0,
  addressRate: 0,
  maxConnectionsPerAddress: 0,
  retainMessages: 0,
  recentMessages: 0,
  dedupeMessages: 100_000,
};
/** A node has its share when it has at least this part of the clients. */
const SHARE = 0.2;

/** @returns how many messages were said, and how many handshakes were refused while a node was away. */
export async function rollingRestart(
  { clients, thinkMs, returnSeconds, between }: RestartPlan,
): Promise<{ messages: number; refused: number }> {
  await using redis = await RedisProcess.start("file");
  const start = (port: number) => serve({ ...OPTIONS, port, redis: redis.url, returnSeconds });
  const nodes = [await start(0), await start(0)];
  const ports = nodes.map(({ port }) => port);
  try {
    await using nginx = await NginxProcess.start(...ports);
    let refused = 0;
    const journey = {
      nodes: [nginx],
      random: seeded(SEED),
      thinkMs,
      waitsAfterBye: true,
      refused: () => refused++,
    };
    const share = (node: number) => (nodes[node]?.connectionCount ?? 0) / clients;
    await using crowd = new Crowd(clients, journey);
    await crowd.echoes(between);
    for (const node of [0, 1, 0, 1]) {
      await nodes[node]?.stop();
      await crowd.echoes(between); // by whoever is with the other node
      nodes[node] = await start(ports[node] ?? 0);
      const inWindow = refused;
      const before = crowd.checker.echoes;
      await crowd.meanwhile(until(() => share(node) >= SHARE, "the node to have its share back"));
      // A proxy that starves the node gives it its share too, but only after a long time.
      assertLess(crowd.checker.echoes - before, clients * 6);
      await crowd.echoes(between);
      assertEquals(refused, inWindow, "a handshake was refused when the node was back");
    }
    assert(share(0) >= SHARE && share(1) >= SHARE, `the shares are ${share(0)} and ${share(1)}`);
    await crowd.settle(nginx);
    const { texts } = await crowd.checker.conclude(nginx);
    assertEquals(crowd.checker.echoes, texts.length); // nothing lost, nothing twice
    return { messages: texts.length, refused };
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

if (import.meta.main) {
  const { messages, refused } = await rollingRestart({
    clients: 300,
    thinkMs: 20_000,
    returnSeconds: 10,
    between: 300,
  });
  // deno-lint-ignore no-console
  console.log(`300 clients, 4 restarts: ${messages} messages, ${refused} handshakes refused`);
}
