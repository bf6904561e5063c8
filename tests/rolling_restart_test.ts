/**
 * Two nodes behind the nginx of OPERATIONS.md are restarted in turn, twice, and nobody loses a message.
 *
 * @module
 */
import { NginxProcess, WITHOUT_NGINX } from "./support/nginx_process.ts";
import { SEED, seeded } from "./support/random.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { LocalCrowd, LocalNode, rollingRestart } from "./support/rolling_restart.ts";

const CLIENTS = 100;

Deno.test({
  name:
    `OPERATIONS.md: nodes behind nginx are restarted in turn, twice: nothing is lost, seed ${SEED}`,
  ignore: WITHOUT_NGINX || WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start("file");
    const options = { redis: redis.url, returnSeconds: 0.5 };
    await using one = new LocalNode(options);
    await using two = new LocalNode(options);
    await Promise.all([one.start(), two.start()]);
    await using nginx = await NginxProcess.start(one.port, two.port);
    await using crowd = new LocalCrowd(CLIENTS, {
      nodes: [nginx],
      random: seeded(SEED),
      thinkMs: 600,
      inFlight: 1,
      leaving: 0.2,
    });
    await rollingRestart({ clients: CLIENTS, between: 100 }, [one, two], nginx, [crowd]);
  },
});
