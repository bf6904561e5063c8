/**
 * A node that stands still for longer than its lease (SIGSTOP, a paused machine) and goes on: its
 * people left for all others, and are back for everybody at once.
 *
 * @module
 */
import type { Event } from "../server/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { Child } from "./support/child.ts";
import { serveHasty } from "./support/hasty_node.ts";
import { type Client, member, until } from "./support/harness.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** A hasty node as a process of its own. */
class HastyProcess extends Child {
  readonly url = `http://127.0.0.1:${this.port}`;
  readonly #redis: string;

  constructor(redis: string) {
    super();
    this.#redis = redis;
  }

  protected override command(): Deno.Command {
    const script = new URL("./support/hasty_node.ts", import.meta.url).href;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--lock=tests/deno.lock", script, this.#redis, String(this.port)],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  protected override async answers(): Promise<boolean> {
    return await fetch(`${this.url}/healthz`).then(async (response) => {
      await response.body?.cancel();
      return response.ok;
    }, () => false);
  }
}

/** Who was last said to have come or gone. */
function last(client: Client, name: string): string | undefined {
  const about = (text: string) => text === `${name} joined.` || text === `${name} left.`;
  const events: Event[] = client.frames.map((frame) => JSON.parse(frame));
  return events.flatMap((event) => event.type === "system" ? [event.payload] : []).findLast(about);
}

Deno.test({
  name: "frozen node: its users leave after the lease, and all members are told when they are back",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await RedisProcess.start();
    await using a = await serveHasty(redis.url);
    await using b = await serveHasty(redis.url);
    await using frozen = new HastyProcess(redis.url);
    await frozen.restart();
    await using ann = await member(a, { name: "Ann" });
    await using ben = await member(b, { name: "Ben" });
    await using cy = await member(frozen, { name: "Cy" });
    await using cleo = await member(frozen, { name: "Cleo" });
    const all = [ann, ben, cy, cleo];
    await ann.next("system", ({ payload }) => payload === "Cleo joined.");
    await ben.next("system", ({ payload }) => payload === "Cleo joined.");
    await cy.next("system", ({ payload }) => payload === "Cleo joined.");
    for (let round = 0; round < 3; round++) {
      frozen.signal("SIGSTOP");
      for (const client of [ann, ben]) {
        for (const name of ["Cy", "Cleo"]) {
          await until(() => last(client, name) === `${name} left.`, `${name} to leave`);
        }
      }
      frozen.signal("SIGCONT");
      for (const client of [ann, ben]) {
        for (const name of ["Cy", "Cleo"]) {
          await until(() => last(client, name) === `${name} joined.`, `${name} to be back`);
        }
      }
      for (const client of all) {
        await until(async () => {
          client.send({ type: "join" });
          const { members, memberCount } = await client.next("joined");
          return memberCount === 4 && members.length === 4;
        }, "all to be there");
      }
      // Whoever was told on the frozen node that somebody left was told that they are back.
      for (const client of [cy, cleo]) {
        for (const name of ["Cy", "Cleo"]) {
          await until(() => last(client, name) !== `${name} left.`, `${name} to know better`);
        }
      }
      for (const client of all) assertEquals(last(client, "Ann"), undefined);
    }
  },
});
