/**
 * Two nodes behind the nginx of OPERATIONS.md are restarted in turn, twice, and nobody loses a message.
 *
 * @module
 */
import { WITHOUT_NGINX } from "./support/nginx_process.ts";
import { SEED } from "./support/random.ts";
import { WITHOUT_REDIS } from "./support/redis_process.ts";
import { rollingRestart } from "./support/rolling_restart.ts";

Deno.test({
  name:
    `OPERATIONS.md: nodes behind nginx are restarted in turn, twice: nothing is lost, seed ${SEED}`,
  ignore: WITHOUT_NGINX || WITHOUT_REDIS,
  fn: async () =>
    void await rollingRestart({ clients: 100, thinkMs: 600, returnSeconds: 0.5, between: 100 }),
});
