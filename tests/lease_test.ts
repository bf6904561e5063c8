/**
 * A node that is killed says no goodbye for its people: they leave when its lease runs out.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { ServerProcess } from "./support/server_process.ts";

Deno.test({
  name: "lease: the users of a node that died leave on all nodes within the lease, and once",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using a = await serve({ redis: redis.url, graceSeconds: 0 });
    await using b = await ServerProcess.start({
      PARLEY_REDIS: redis.url,
      PARLEY_GRACE_SECONDS: "0",
    });
    await using c = await serve({ redis: redis.url, graceSeconds: 0 });
    await using ann = await member(a, { name: "Ann" });
    await using cy = await member(c, { name: "Cy" });
    const gone = await member(b, { name: "Gone" });
    const moved = await connect(b, { protocol: "parley.v1" });
    moved.send({ type: "hello", name: "Moved" }, { type: "join" });
    const { token } = await moved.next("welcome");
    for (const client of [ann, cy]) {
      await client.next("system", ({ payload }) => payload === "Moved joined.");
    }
    await b.kill();
    const killedAt = performance.now();
    await using here = await connect(a, { protocol: "parley.v1" });
    here.send({ type: "hello", token }, { type: "join" });
    assertEquals((await here.next("joined")).memberCount, 4);
    const notices = () =>
      [ann, cy].map(({ pending }) =>
        pending.flatMap((event) =>
          event.type === "system" ? [event.payload, event.memberCount] : []
        )
      );
    const left = () => notices().every(({ length }) => length > 0);
    const what = "the people of the dead node to leave";
    await until(left, what).catch(() => until(left, what)); // it takes longer than tests wait
    assert(performance.now() - killedAt < 30_000);
    assertEquals(notices(), [["Gone left.", 3], ["Gone left.", 3]]);
    here.send({ type: "join" });
    assertEquals((await here.next("joined", ({ memberCount }) => memberCount === 3)).seq, 0);
    await Promise.all([gone.closed, moved.closed]);
  },
});
