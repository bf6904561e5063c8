/**
 * Retained events and sanctions in a file: how they are committed, and how their number is bounded.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { BrokerError, FullError } from "../server/broker/broker.ts";
import { MAX_SANCTIONS } from "../server/broker/orders.ts";
import { RetainedBoundError } from "../server/broker/retained.ts";
import { create } from "../server/broker/sqlite/schema.ts";
import { StateTables } from "../server/broker/sqlite/state_tables.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { BAN, Heard, retain, retained } from "./support/state_suite.ts";

Deno.test("sqlite: writes of one turn are one transaction, and one that is refused spoils no other", async () => {
  await using at = new Directory();
  await using broker = await at.open();
  const size = () => Deno.statSync(`${at.file}-wal`).size;
  await retain(broker, "warm", 1);
  const before = size();
  await retain(broker, "one", 1);
  const single = size() - before;
  const writes = Array.from({ length: 50 }, (_, index) => retain(broker, `n${index}`, index));
  const tooLarge = assertRejects(() => retain(broker, "x", "x".repeat(70_000)), RetainedBoundError);
  await Promise.all([...writes, tooLarge, broker.order(BAN)]);
  assert(size() - before < 10 * single, `one write takes ${single}, these take ${size() - before}`);
  assertEquals((await retained(broker)).split(",").length, 52);
  assertEquals(broker.sanctions(), [BAN]);
});

Deno.test("sqlite: a write that cannot be committed is refused, and calls nothing back", async () => {
  await using at = new Directory();
  const broker = await at.open();
  const heard = new Heard(broker);
  await broker.open("lobby");
  await Deno.truncate(`${at.file}-wal`, 0);
  await assertRejects(() => retain(broker, "a", 1), BrokerError);
  await assertRejects(() => broker.order(BAN), BrokerError);
  assertEquals([heard.changes, heard.orders], [[], []]);
  await broker[Symbol.asyncDispose]();
});

Deno.test("sqlite: what was written in the last turn before the end is stored", async () => {
  await using at = new Directory();
  const broker = await at.open();
  const writing = retain(broker, "a", 1);
  await broker[Symbol.asyncDispose]();
  await writing;
  await using again = await at.open();
  assertEquals(await retained(again), "[a=1]");
});

Deno.test("sqlite: sanctions that have ended are removed, and not by a clock that is ahead for a while", async () => {
  await using at = new Directory();
  let now = Date.now();
  let steady = 0;
  const broker = await at.open({ now: () => now, steady: () => steady });
  await broker.order({ ...BAN, until: now + 60_000 });
  now += 40 * 86_400_000; // an empty clock battery
  broker.prune();
  assertEquals(broker.sanctions().length, 1);
  now -= 40 * 86_400_000;
  [now, steady] = [now + 61_000, steady + 61_000];
  assertEquals(broker.sanctions(), []);
  broker.prune();
  await broker[Symbol.asyncDispose]();
  using database = new DatabaseSync(at.file);
  assertEquals(database.prepare("SELECT count(*) AS count FROM sanctions").get()?.count, 0);
});

Deno.test("sqlite: one sanction more than are kept is refused, and the others stay", async () => {
  await using at = new Directory();
  await (await at.open())[Symbol.asyncDispose]();
  at.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_SANCTIONS})
    INSERT INTO sanctions SELECT 'ban', 'lobby', 'user ' || i, NULL, NULL FROM n`);
  await using broker = await at.open();
  const another = { ...BAN, subject: "user another" };
  await assertRejects(() => broker.order(another), FullError, "16384");
  await broker.order({ ...BAN, until: null, subject: "user 7" }); // it is there already
  await broker.order({ kind: "unban", room: "lobby", subject: "user 8" });
  await broker.order(another);
  assertEquals(broker.sanctions().length, MAX_SANCTIONS);
});

Deno.test("sqlite: rooms without members lose their events first when too much is retained in all", () => {
  using database = new DatabaseSync(":memory:");
  create(database);
  const open = new Set(["open"]);
  const tables = new StateTables(database, open, { events: 4, bytes: 1000 });
  const set = (room: string, name: string, event: string) =>
    tables.retain(room, { name, event, isRemoval: false });
  const all = () =>
    ["open", "old", "new"].map((room) => [...tables.retained(room).keys()].join()).join(" ");
  for (const room of ["open", "old", "new"]) set(room, "a", "{}");
  set("old", "b", "{}");
  set("new", "b", "{}");
  assertEquals(all(), "a b a,b");
  set("open", "b", "x".repeat(995)); // by bytes: all others must go
  assertEquals(all(), "a,b  ");
  assertThrows(() => set("old", "c", "x".repeat(200)), FullError, "in all");
  assertEquals(all(), "a,b  ");
  set("open", "b", "{}");
  set("old", "c", "x".repeat(200));
  assertEquals(all(), "a,b c ");
});

Deno.test("sqlite: a full database still takes bans", async () => {
  await using at = new Directory();
  await using broker = await at.open({ maxDatabaseMb: 0.01 });
  await assertRejects(() => broker.publish([draft("a")]), FullError);
  await assertRejects(() => retain(broker, "a", 1), FullError);
  await broker.order(BAN);
  assertEquals(broker.sanctions(), [BAN]);
});
