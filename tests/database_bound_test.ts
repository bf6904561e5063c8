/**
 * The bound for the database: the oldest messages of rooms without members go first, then those of the
 * largest rooms; empty rooms leave nothing behind, and space is given back.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { FullError } from "../server/broker/broker.ts";
import type { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { react } from "./support/revision_suite.ts";
import { serveOn } from "./support/faulty_broker.ts";
import { member, serve } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { Directory } from "./support/sqlite_directory.ts";

const MB = 1_048_576;
const KIB = "x".repeat(1000);

/** Bytes of the file that are in use, when nobody has it open. */
function used(at: Directory): number {
  using database = new DatabaseSync(at.file);
  const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
  return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
}

function rowsOf(at: Directory, table: string): number {
  using database = new DatabaseSync(at.file);
  return Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.rows);
}

/** Says that much in a room, in batches of 20 KB. */
async function fill(broker: SqliteBroker, room: string, bytes: number): Promise<void> {
  for (let said = 0; said < bytes; said += 20_000) {
    await broker.publish(Array.from({ length: 20 }, () => draft(KIB, { room })));
  }
}

Deno.test("a room with many reactions is as large as they are", async () => {
  await using at = new Directory();
  await using broker = await at.open({ maxDatabaseMb: 4 });
  for (const room of ["honest", "reacted"]) await broker.open(room);
  await fill(broker, "honest", 1.5 * MB);
  for (let seq = 1; seq <= 20; seq++) {
    await broker.publish([draft("x", { room: "reacted" })]);
    const users = Array.from({ length: 2000 }, (_, n) => `a user with a long name ${n}`);
    await broker.publish(users.map((user) => ({ ...react(seq, "x", { user }), room: "reacted" })));
  }
  await fill(broker, "honest", 20_000);
  const firstOf = async (room: string) => (await broker.read(room, { after: 0, limit: 1 }))?.first;
  assertEquals(await firstOf("honest"), 1);
  assert(Number(await firstOf("reacted")) > 1);
});

Deno.test("the database keeps its bound under posts into ever new rooms, and removes their rows too", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open({ maxDatabaseMb: 2 });
    for (let i = 0; i < 300; i++) {
      await broker.publish(
        Array.from(
          { length: 40 },
          (_, n) => draft("x".repeat(300), { room: `a${i * 40 + n}`, ref: "r" }),
        ),
      );
    }
    assertEquals((await textsOf(broker, "a11999")).length, 1);
    assertEquals((await textsOf(broker, "a0")).length, 0);
  }
  assert(used(at) <= 2 * MB, `${used(at)} bytes are in use`);
  const rows = rowsOf(at, "rooms");
  assert(rows > 1000 && rows < 6000, `${rows} rooms have a row`);
  assertEquals(rows, rowsOf(at, "batches"));
});

Deno.test("the database keeps its bound under posts into one room, which loses its oldest messages without holes", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open({ maxDatabaseMb: 2 });
    await broker.open("lobby");
    await fill(broker, "lobby", 6 * MB);
    const page = await broker.read("lobby", { limit: 1e6 });
    assert(page !== undefined && page.last - page.first > 1000);
    assertEquals(page.batch.events.length, page.last - page.first + 1);
  }
  assert(used(at) <= 2 * MB, `${used(at)} bytes are in use`);
});

Deno.test("rooms with members lose messages last, and the largest of them first", async () => {
  await using at = new Directory();
  await using broker = await at.open({ maxDatabaseMb: 4 });
  await broker.open("small");
  await broker.open("large");
  await fill(broker, "small", MB / 2);
  await fill(broker, "large", 1.5 * MB);
  const count = async (room: string) => (await textsOf(broker, room)).length;
  const [small, large] = [await count("small"), await count("large")];
  for (let i = 0; i < 200; i++) await fill(broker, `empty ${i}`, 40_000);
  assertEquals([await count("small"), await count("large")], [small, large]);
  assertEquals(await count("empty 0"), 0);
  assert(await count("empty 199") > 0);
  await fill(broker, "small", 100_000);
  await fill(broker, "large", 4 * MB);
  assertEquals(await count("small"), small + 100);
  assertEquals(await count("empty 199"), 0);
});

Deno.test("messages are stored at the bound; the refusal says why when nothing can be pruned", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open({ maxDatabaseMb: 1 });
    for (let i = 0; i < 80; i++) await broker.open(`room ${i}`);
    const say = (i: number) => broker.publish([draft("x".repeat(15_000), { room: `room ${i}` })]);
    const { message } = await assertRejects(async () => {
      for (let i = 0; i < 80; i++) await say(i);
    }, FullError);
    assertMatch(message, /^The database has reached its bound of 1 MB \(--max-database-mb\)/);
    for (let i = 0; i < 30; i++) broker.close(`room ${i}`);
    for (let i = 50; i < 80; i++) await say(i);
    assertEquals((await textsOf(broker, "room 79")).length, 1);
  }
  await using server = await serve({ db: at.file, maxDatabaseMb: 1 });
  await using alice = await member(server, { room: "room 40" });
  for (let i = 0; i < 100; i++) {
    const path = `/rooms/b${i}/messages`;
    const { status } = await ask(server, path, {
      method: "POST",
      body: { payload: "y".repeat(15_000) },
    });
    assertEquals(status, 201);
  }
  alice.send({ type: "chat", room: "room 40", payload: "here" });
  assertEquals((await alice.next("chat", ({ payload }) => payload === "here")).seq > 1, true);
});

Deno.test("a server at a bound that leaves no room says so to senders, and goes on reading", async () => {
  await using at = new Directory();
  await using server = await serveOn(await at.open({ maxDatabaseMb: 0.03 }));
  await using alice = await member(server);
  alice.send({ type: "chat", payload: "x".repeat(16_000), ref: "r" });
  const { code, payload, ref } = await alice.next("error");
  assertEquals([code, ref], ["unavailable", "r"]);
  assertMatch(payload, /reached its bound of 0.03 MB/);
  assertEquals((await ask(server, "/rooms/lobby/messages")).status, 200);
});

Deno.test("space is given back in steps when much was pruned", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    await fill(broker, "lobby", 12 * MB);
  }
  const before = at.bytes().length;
  {
    await using broker = await at.open({ maxDatabaseMb: 2 });
    for (let i = 0; i < 100; i++) await broker.publish([draft("x")]).catch(() => {});
    for (let i = 0; i < 20; i++) broker.prune();
    await broker.publish([draft("after")]);
    assertEquals((await textsOf(broker)).at(-1), "after");
  }
  const after = at.bytes().length;
  assert(before > 12 * MB && after < 4 * MB, `${before} and then ${after} bytes`);
});

Deno.test("a room that was forgotten begins a new log, under an epoch that no old cursor has", async () => {
  await using at = new Directory();
  const DAY_MS = 86_400_000;
  let now = 100 * DAY_MS;
  const options = { now: () => now, steady: () => now, retainDays: 1 };
  const states: { epoch: string; head: number }[] = [];
  {
    await using broker = await at.open(options);
    await broker.open("kept");
    for (const room of ["kept", "gone"]) {
      await broker.publish([draft("a", { room, ref: "r" }), draft("b", { room })]);
      states.push(await broker.state(room));
    }
    now += 2 * DAY_MS;
    broker.prune();
    assertEquals(await broker.state("kept"), states[0]);
    const gone = await broker.state("gone");
    assertEquals([gone.head, gone.epoch === states[1]?.epoch], [0, false]);
    await broker.publish([draft("c", { room: "gone", ref: "r" })]);
    assertEquals((await broker.state("gone")).epoch, gone.epoch);
    assertEquals(await textsOf(broker, "gone"), ["c"]);
    states[1] = gone;
  }
  assertEquals(rowsOf(at, "rooms"), 2);
  await using broker = await at.open(options);
  const epochs = [(await broker.state("kept")).epoch, (await broker.state("gone")).epoch];
  assertEquals(epochs, states.map(({ epoch }) => epoch));
});

Deno.test("a room that is empty when its first member comes keeps its epoch when it is spoken in", async () => {
  await using at = new Directory();
  const DAY_MS = 86_400_000;
  let now = 100 * DAY_MS;
  await using broker = await at.open({ now: () => now, steady: () => now, retainDays: 1 });
  await broker.publish([draft("x", { room: "gone" })]);
  const { epoch } = await broker.open("lobby");
  now += 2 * DAY_MS;
  broker.prune();
  await broker.publish([draft("first")]);
  assertEquals((await broker.state("lobby")).epoch, epoch);
  assert((await broker.state("gone")).epoch !== epoch);
});
