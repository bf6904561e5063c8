/**
 * A node that is killed says no goodbye for its people: they leave when its lease runs out. One that is stopped
 * in order says until when its people should be back.
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
    await until(left, "the people of the dead node to leave"); // a lease is 18 s
    assertEquals(notices(), [["Gone left.", 3], ["Gone left.", 3]]);
    here.send({ type: "join" });
    assertEquals((await here.next("joined", ({ memberCount }) => memberCount === 3)).seq, 0);
    await Promise.all([gone.closed, moved.closed]);
  },
});

Deno.test({
  name: "lease: who does not come back from a node that stopped leaves when they should be back",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    const options = { redis: redis.url, graceSeconds: 0.4, returnSeconds: 0.1 };
    const a = await serve(options);
    await using b = await serve(options);
    await using c = await serve(options);
    await using cy = await member(c, { name: "Cy" });
    await using gone = await member(a, { name: "Gone" });
    await using alone = await member(a, { name: "Alone", room: "den" });
    await using moving = await connect(a, { protocol: "parley.v1" });
    moving.send({ type: "hello", name: "Moved" }, { type: "join" });
    const { token } = await moving.next("welcome");
    await cy.next("system", ({ payload }) => payload === "Moved joined.");
    await using back = await connect(b, { protocol: "parley.v1" });
    await a.stop();
    // A second is left, and not a whole lease. So this comes first.
    back.send({ type: "hello", token }, { type: "join" });
    const leases = ["lobby", "den"].map((room) =>
      redis.ask("ZRANGE", `parley:{${room}}:nodes`, "0", "0", "WITHSCORES")
    );
    assertEquals((await back.next("joined")).memberCount, 3); // as if nobody had left
    for (const lease of leases) {
      const [, end = 0] = (await lease).split("\n").map(Number);
      assert(end < Date.now() + 5000, "the lease of the node goes on");
    }
    const read = async (path: string) => await (await fetch(`${b.url}${path}`)).json();
    await until(
      async () => (await read("/rooms/lobby/members")).memberCount === 2,
      "the member who does not come back to leave",
    );
    const notice = await cy.next("system", ({ kind }) => kind !== "joined");
    assertEquals([notice.payload, notice.memberCount], ["Gone left.", 2]);
    await until(async () => (await read("/rooms")).rooms.length === 1, "the den to be empty");
    await Promise.all([gone.closed, alone.closed, moving.closed]);
  },
});
