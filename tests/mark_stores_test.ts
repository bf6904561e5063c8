/**
 * Read marks in the stores themselves: what bounds those of guests, and what nodes tell each other.
 *
 * @module
 */
import { Metrics } from "../server/metrics.ts";
import { DatabaseSync } from "node:sqlite";
import type { MarkStore, MovedMark } from "../server/broker/marks.ts";
import { RedisLink } from "../server/broker/redis/link.ts";
import { RedisMarks } from "../server/broker/redis/marks.ts";
import { RedisNames } from "../server/broker/redis/names.ts";
import { GatheredWrites } from "../server/broker/sqlite/gathered_writes.ts";
import { MarkTable } from "../server/broker/sqlite/mark_table.ts";
import { create } from "../server/broker/sqlite/schema.ts";
import { silentLog } from "../server/log.ts";
import { assertEquals } from "./support/assert.ts";
import { until } from "./support/harness.ts";
import { byRoom, mark } from "./support/marks_suite.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const BOUNDS = { ofUser: 3, ofGuests: 4 };

function guest(n: number): string {
  return `${n}`.padStart(16, "0");
}

/** Guests may have 4 marks together, and each 3. */
async function boundsGuests(marks: MarkStore): Promise<void> {
  const all = async (userId: string) => Object.keys(byRoom(await marks.all(userId))).sort().join();
  for (const room of ["a", "b", "c"]) await marks.write([mark(1, { userId: guest(1), room })]);
  await marks.write([mark(1, { userId: "ada", room: "a" })]);
  await marks.write([mark(2, { userId: guest(1), room: "a" })]);
  await marks.write([mark(1, { userId: guest(2), room: "a" })]);
  assertEquals([await all(guest(1)), await all(guest(2))], ["a,b,c", "a"]);
  await marks.write([mark(1, { userId: guest(2), room: "b" }), mark(1, { userId: guest(3) })]);
  assertEquals([await all(guest(1)), await all(guest(2)), await all(guest(3))], [
    "a",
    "a,b",
    "lobby",
  ]);
  for (const room of ["b", "c", "d"]) await marks.write([mark(1, { userId: "ada", room })]);
  assertEquals(await all("ada"), "b,c,d");
  for (const room of ["p", "q", "r", "s"]) await marks.write([mark(1, { userId: guest(9), room })]);
  assertEquals([await all(guest(2)), await all(guest(9))], ["", "q,r,s"]);
}

Deno.test("marks in sqlite: those of all guests together are bounded", async () => {
  using database = new DatabaseSync(":memory:");
  create(database);
  const writes = new GatheredWrites((work) => work());
  await boundsGuests(new MarkTable(database, writes, BOUNDS));
});

function redisTest(behaviour: string, act: (redis: RedisProcess) => Promise<void>): void {
  Deno.test({
    name: `marks in Redis: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await act(redis);
    },
  });
}

function linkTo({ url }: RedisProcess): Promise<RedisLink> {
  const names = new RedisNames("parley", 0);
  return RedisLink.open({
    url,
    scripts: [],
    names,
    log: silentLog,
    metrics: new Metrics(),
    settlingMs: 0,
  });
}

redisTest("those of all guests together are bounded", async (redis) => {
  const link = await linkTo(redis);
  await boundsGuests(new RedisMarks(link, BOUNDS));
  assertEquals(await redis.ask("ZCARD", link.names.guestMarks), "4");
  await link.close();
});

redisTest(
  "a node that hears late that a user was erased removes what it wrote since",
  async (redis) => {
    const link = await linkTo(redis);
    const marks = new RedisMarks(link, BOUNDS);
    const ofGuest = ["a", "b"].map((room) => mark(1, { userId: guest(1), room }));
    await marks.write([...ofGuest, mark(1)]);
    marks.forget(guest(1));
    await marks.write([mark(2)]); // after it, over the same connection
    await until(async () => await redis.ask("ZCARD", link.names.guestMarks) === "0", "the removal");
    assertEquals([await marks.all(guest(1)), byRoom(await marks.all("ada"))], [[], { lobby: 2 }]);
    await link.close();
  },
);

redisTest(
  "what a node tells, the others hear once, and what strangers publish is passed over",
  async (redis) => {
    const links = [await linkTo(redis), await linkTo(redis)];
    const heard: MovedMark[][] = [[], []];
    const nodes = await Promise.all(links.map((link) => RedisMarks.open(link)));
    nodes.forEach((node, index) =>
      node.listen({
        committed() {},
        signalled() {},
        marked: (marks) => heard[index]?.push(...marks),
      })
    );
    const junk = ["", "\n", "x\n[", "x\n{}", "x\n[1]", 'x\n[{"userId":"a","room":"b","seq":"c"}]'];
    for (const message of junk) await redis.ask("PUBLISH", "parley:marks:0", message);
    const moved = [{ userId: "ada", room: "é\u2028", seq: 3, ref: "r" }, {
      userId: "bob",
      room: "b",
      seq: 0,
    }];
    nodes[0]?.tell(moved);
    await until(() => heard[1]?.length === 2, "the marks");
    assertEquals(heard, [[], moved]);
    for (const link of links) await link.close();
  },
);
