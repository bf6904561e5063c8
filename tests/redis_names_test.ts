/**
 * Several Parleys on one Redis, told apart by their prefixes or by their databases: none hears or
 * reads anything of another.
 *
 * @module
 */
import { RedisNames } from "../server/broker/redis/names.ts";
import { OptionError, type Options } from "../server/mod.ts";
import { completeOptions } from "../server/options.ts";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";
import { member, serve, told, until } from "./support/harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const PAIRS: Readonly<Record<string, readonly [Partial<Options>, Partial<Options>]>> = {
  "two prefixes on one database": [{}, { redisPrefix: "parley:rooms" }],
  "one prefix on two databases": [{ redis: "/0" }, { redis: "/1" }],
};

for (const [what, pair] of Object.entries(PAIRS)) {
  Deno.test({
    name: `redis names: Parleys with ${what} get nothing of each other`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      const [one, other] = pair.map((given) => ({
        graceSeconds: 0,
        ...given,
        redis: redis.url + (given.redis ?? ""),
      }));
      await using a = await serve(one);
      await using a2 = await serve(one); // a node of the same Parley hears everything
      await using b = await serve(other);
      await using alice = await member(a, { name: "Alice" });
      await using ann = await member(a2, { name: "Ann" });
      await using bob = await member(b, { name: "Bob" });
      alice.send(
        { type: "typing", payload: true },
        { type: "custom", name: "wave", payload: 1 },
        { type: "chat", payload: "hi", ref: "r" },
        { type: "rename", name: "Alicia" },
      );
      await ann.next("system", ({ kind }) => kind === "renamed");
      // Which order these come in is not promised: they are not in the log.
      await until(() => ann.frames.some((frame) => frame.includes('"wave"')), "the signal");
      bob.send({ type: "chat", payload: "ho", ref: "r" });
      assertEquals((await bob.next("chat")).payload, "ho");
      assertEquals(await told(bob), []);
      const foreign = bob.frames.filter((frame) => /Alice|Ann|"wave"|"typing"/.test(frame));
      assertEquals(foreign, []);
      bob.send({ type: "join" });
      const { members, memberCount, seq } = await bob.next("joined");
      assertEquals([members.map(({ name }) => name), memberCount, seq], [["Bob"], 1, 1]);
      const { messages } = await (await fetch(`${b.url}/rooms/lobby/messages`)).json();
      assertEquals(messages.map(({ payload }: { payload: string }) => payload), ["ho"]);
      await until(async () => {
        const { rooms } = await (await fetch(`${b.url}/rooms`)).json();
        return rooms.length === 1 && rooms[0].memberCount === 1;
      }, "only Bob to be counted");
      bob.send({ type: "hello" });
      const { token } = await bob.next("welcome");
      alice.send({ type: "hello", token }); // signed with another secret
      assertEquals((await alice.next("error")).code, "unauthorized");
      assert(!(await told(ann)).some((event) => JSON.stringify(event).includes("Bob")));
    },
  });
}

Deno.test("redis names: an installation with the default prefix keeps its keys", () => {
  const names = new RedisNames("parley", 0);
  assertEquals(names.key("lobby", "log"), "parley:{lobby}:log");
  assertEquals([names.secret, names.counts, names.countsUntil], [
    "parley:secret",
    "parley:rooms",
    "parley:rooms:until",
  ]);
});

Deno.test("redis names: prefixes, databases and rooms that look alike share no name", () => {
  const prefixes = [
    "p",
    "p:",
    "p:rooms",
    "p:secret",
    "p:spent",
    "p:spent:0",
    "p:1",
    "p:rooms:until",
  ];
  const rooms = ["a", "a:b", "{", "%7B", "heard:0", "}:log", "rooms"];
  const seen = new Set<string>();
  let count = 0;
  const add = (name: string) => {
    seen.add(name);
    count++;
  };
  for (const prefix of prefixes) {
    const names = new RedisNames(prefix, 0);
    for (const name of [names.secret, names.counts, names.countsUntil]) add(name);
    for (const room of rooms) for (const what of ["log", "entries"]) add(names.key(room, what));
    for (const database of [0, 1, 10]) {
      for (const room of rooms) add(new RedisNames(prefix, database).channel(room));
    }
  }
  assertEquals(seen.size, count);
});

for (const redisPrefix of ["", "a b", "a{b}", "a*", "x".repeat(65), "é"]) {
  Deno.test(`redis names: --redis-prefix ${JSON.stringify(redisPrefix)} is refused`, () => {
    const { message } = assertThrows(() => completeOptions({ redisPrefix }), OptionError);
    assert(message.includes("--redis-prefix"), message);
  });
}
