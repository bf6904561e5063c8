/**
 * A Redis that may lose what it has acknowledged is used, and the operator is told of the consequence.
 *
 * @module
 */
import { type Facts, silentLog } from "../server/mod.ts";
import { assertEquals, assertStringIncludes } from "./support/assert.ts";
import { serve } from "./support/harness.ts";
import { type Keeping, RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** What is logged at start with such a Redis: the events, and all of their facts. */
async function warnings(keeping: Keeping, policy: string): Promise<[string[], string]> {
  await using redis = await RedisProcess.start(keeping, "--maxmemory-policy", policy);
  const events: string[] = [];
  const told: Facts[] = [];
  const warn = (event: string, facts: Facts = {}) => void (events.push(event), told.push(facts));
  await using _server = await serve({ redis: redis.url }, { log: { ...silentLog, warn } });
  return [events, JSON.stringify(told)];
}

Deno.test({
  name: "a Redis that evicts, or keeps nothing, is warned of with the consequence",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    assertEquals(await warnings("file", "noeviction"), [[], "[]"]);
    const [events, facts] = await warnings("nothing", "allkeys-lru");
    assertEquals(events, ["redis evicts", "redis keeps no append-only file"]);
    assertStringIncludes(facts, "allkeys-lru");
    assertStringIncludes(facts, "messages that were acknowledged");
    assertStringIncludes(facts, "since its last dump is lost");
  },
});
