/**
 * A Redis that is short of memory and told to evict drops any one of a room's keys. Whichever it is,
 * nobody is shown a `seq` twice, and who is there comes right again.
 *
 * @module
 */
import type { Event } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, connect, member, serve, told, until } from "./support/harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** Refs of so many messages are kept in each of the two hashes. */
const OPTIONS = { dedupeMessages: 2, graceSeconds: 0.05 };

/** What was shown: under one epoch a `seq` is one message. */
class Shown {
  readonly #texts = new Map<string, string>();

  take(event: Event, epoch: string): void {
    if (event.type !== "chat") return;
    const place = `${epoch} ${event.seq}`;
    assertEquals(this.#texts.get(place) ?? event.payload, event.payload, `two at ${place}`);
    this.#texts.set(place, event.payload);
  }

  /** What a client is told up to that message; the epoch that it comes under, and whether recovered. */
  async until(client: Client, payload: string, epoch: string) {
    let recovered = true;
    for (;;) {
      const event = client.pending[0];
      if (event === undefined) {
        await client.arrival(payload);
        continue;
      }
      await client.next(event.type);
      if (event.type === "joined") [epoch, recovered] = [event.epoch, event.recovered];
      this.take(event, epoch);
      if (event.type === "chat" && event.payload === payload) return { epoch, recovered };
    }
  }
}

for (const what of ["log", "entries", "young", "old", "revs", "reactions", "about"]) {
  Deno.test({
    name: `eviction: without "${what}" the log is another, and all are told`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await using a = await serve({ ...OPTIONS, redis: redis.url });
      await using b = await serve({ ...OPTIONS, redis: redis.url });
      await using alice = await connect(a, { protocol: "parley.v1" });
      await using bob = await connect(b, { protocol: "parley.v1" });
      const shown = new Shown();
      for (const client of [alice, bob]) client.send({ type: "join" });
      const { epoch } = await alice.next("joined");
      await bob.next("joined");
      for (const ref of ["1", "2", "3"]) {
        alice.send({ type: "chat", payload: ref, ref });
        for (const client of [alice, bob]) {
          assertEquals(await shown.until(client, ref, epoch), { epoch, recovered: true });
        }
      }
      alice.send({ type: "react", seq: 2, payload: "👍", ref: "react" });
      await alice.next("revised");
      assertEquals(await redis.ask("DEL", `parley:{lobby}:${what}`), "1");
      bob.send({ type: "chat", payload: "after", ref: "r" });
      const heard = [
        await shown.until(alice, "after", epoch),
        await shown.until(bob, "after", epoch),
      ];
      assertEquals(heard[0], heard[1]);
      assert(heard[0]?.epoch !== epoch && heard[0]?.recovered === false);
      // Of that log a repeated message is known again, and who knew the old one is told.
      bob.send({ type: "chat", payload: "again", ref: "r" }, { type: "chat", payload: "end" });
      await shown.until(alice, "end", heard[0].epoch);
      const again = await member(b, { name: "Carol" });
      again.send({ type: "join", since: { epoch, seq: 1 } });
      assertEquals((await again.next("joined")).recovered, false);
      const texts: string[] = [];
      while (texts.at(-1) !== "end") texts.push((await again.next("chat")).payload);
      assertEquals(texts.slice(-2), ["after", "end"]);
      await again.close();
    },
  });
}

const PRESENCE = ["people", "turn", "nodes", "at"];

Deno.test({
  name:
    "eviction: without a key of presence all members are listed again, once each, and none has left",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    const options = { ...OPTIONS, redis: redis.url };
    await using a = await serve(options);
    await using b = await serve(options);
    await using alice = await connect(a, { protocol: "parley.v1" });
    await using bob = await connect(b, { protocol: "parley.v1" });
    for (const [client, name] of [[alice, "Alice"], [bob, "Bob"]] as const) {
      client.send({ type: "hello", name });
      for (const room of PRESENCE) {
        client.send({ type: "join", room });
        await client.next("joined");
      }
    }
    for (const room of PRESENCE) {
      await alice.next("system", (event) => event.room === room && event.user?.name === "Bob");
    }
    for (const what of PRESENCE) {
      assertEquals(await redis.ask("DEL", `parley:{${what}}:${what}`), "1");
    }
    await told(alice);
    // A node that knows only what Redis says.
    await using c = await serve(options);
    await using carol = await member(c, { name: "Carol", room: PRESENCE[0] ?? "" });
    for (const room of PRESENCE) {
      await until(async () => {
        carol.send({ type: "join", room });
        const { members, memberCount } = await carol.next("joined", (event) => event.room === room);
        const names = members.map(({ name }) => name).toSorted();
        return names.join() === "Alice,Bob,Carol" && memberCount === 3;
      }, `all to be in the room without "${room}"`);
    }
    bob.send(...PRESENCE.map((room) => ({ type: "leave", room })));
    for (const room of PRESENCE) {
      const notices = () =>
        alice.pending.flatMap((event) =>
          event.type === "system" && event.room === room ? [event.payload, event.memberCount] : []
        );
      await until(() => notices().includes("Bob left."), "Bob to leave");
      assertEquals(notices(), ["Carol joined.", 3, "Bob left.", 2], room);
    }
  },
});
