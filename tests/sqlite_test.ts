/**
 * The SQLite broker: the suite that every broker passes, and what only a file on a disk can do.
 *
 * @module
 */
import { BrokerError } from "../server/broker/broker.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { draft, linesOf, testBroker, textsOf } from "./support/broker_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";

const DAY_MS = 86_400_000;

// deno-lint-ignore require-await -- as above
testBroker({ name: "sqlite", make: async () => new Directory() });

Deno.test("sqlite: a failed commit changes nothing, and the same batch may come again", async () => {
  await using at = new Directory();
  let now = 1;
  await using broker = await at.open({ now: () => now, retainMessages: 10 });
  const heard: string[] = [];
  broker.listen({
    committed: (room, page) => heard.push(`${room} ${page.first}-${page.last}`),
    signalled() {},
  });
  const batch = [
    draft("new here", { room: "new", ref: "a" }),
    draft("b", { ref: "b" }),
    draft("again", { ref: "b" }),
  ];
  await broker.publish([draft("old", { ref: "old" })]);
  now = 1.5; // a column of whole numbers refuses it, after the first room was made
  for (let i = 0; i < 3; i++) await assertRejects(() => broker.publish(batch), Error);
  now = 2;
  assertEquals(heard, ["lobby 1-1"]);
  assertEquals([await textsOf(broker), await textsOf(broker, "new")], [["old"], []]);
  assertEquals((await broker.open("new")).head, 0);
  const answers = await broker.publish([...batch, draft("x", { ref: "old" })]);
  assertEquals(answers.map(({ seq, draft }) => [seq, draft.text]), [[2, "again"], [1, "x"]]);
  assertEquals(heard, ["lobby 1-1", "new 1-1", "lobby 2-2"]);
});

Deno.test("sqlite: publish() rejects when the file was deleted or replaced underfoot", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    await broker.publish([draft("a")]);
    await Deno.remove(at.file);
    await assertRejects(() => broker.publish([draft("b")]), BrokerError, "was removed");
    at.write("something else");
    await assertRejects(() => broker.publish([draft("c")]), BrokerError, "was replaced");
  }
  assertEquals(new TextDecoder().decode(at.bytes()), "something else");
});

Deno.test("sqlite: retention by age removes what is too old in small steps, and goes on counting", async () => {
  await using at = new Directory();
  let now = 100 * DAY_MS;
  const options = { now: () => now, steady: () => now, retainDays: 30 };
  {
    await using broker = await at.open(options);
    for (let i = 0; i < 300; i++) await broker.publish([draft("old")]);
    await broker.publish([draft("gone", { room: "quiet" })]);
    await broker.open("quiet"); // it has members: it stays
    now += 20 * DAY_MS;
    await broker.publish([draft("young")]);
    now += 11 * DAY_MS;
    broker.prune();
    const left = (await textsOf(broker)).length;
    assert(left > 1 && left < 301, `one step left ${left}`);
    for (let i = 0; i < 10; i++) broker.prune();
    assertEquals(await textsOf(broker), ["young"]);
    assertEquals(await textsOf(broker, "quiet"), []);
    assertEquals((await broker.open("quiet")).head, 1);
  }
  await using broker = await at.open(options);
  assertEquals((await broker.open("quiet")).head, 1);
  await broker.publish([draft("back", { room: "quiet" })]);
  assertEquals(linesOf(await broker.read("quiet", { after: 0, limit: 9 }))[0]?.seq, 2);
});

Deno.test("sqlite: retention by age comes round to every room", async () => {
  await using at = new Directory();
  let now = 100 * DAY_MS;
  await using broker = await at.open({ now: () => now, steady: () => now, retainDays: 1 });
  const rooms = Array.from({ length: 250 }, (_, index) => `room ${index}`);
  await broker.publish(rooms.map((room) => draft("x", { room })));
  now += 2 * DAY_MS;
  for (let i = 0; i < 3; i++) broker.prune();
  for (const room of rooms) assertEquals(await textsOf(broker, room), []);
});

Deno.test("sqlite: retention by age leaves no hole where the clock was put back", async () => {
  await using at = new Directory();
  let now = 100 * DAY_MS;
  let steady = 0;
  const wait = (days: number) => {
    now += days * DAY_MS;
    steady += days * DAY_MS;
  };
  await using broker = await at.open({ now: () => now, steady: () => steady, retainDays: 1 });
  await broker.publish([draft("old")]);
  now += DAY_MS / 2; // too far ahead
  await broker.publish([draft("ahead")]);
  now -= DAY_MS / 2;
  await broker.publish([draft("right")]);
  wait(1.1);
  for (let i = 0; i < 3; i++) broker.prune();
  assertEquals(await textsOf(broker), ["ahead", "right"]);
  wait(1);
  for (let i = 0; i < 3; i++) broker.prune();
  assertEquals(await textsOf(broker), []);
});

Deno.test("sqlite: retention by count removes a little at a time", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    for (let i = 0; i < 1000; i++) await broker.publish([draft(`${i}`)]);
  }
  await using broker = await at.open({ retainMessages: 10 }); // it was more before
  await broker.publish([draft("x")]);
  const left = (await textsOf(broker)).length;
  assert(left > 800 && left < 1001, `one batch left ${left}`);
  for (let i = 0; i < 50; i++) await broker.publish([draft("x")]);
  assert((await textsOf(broker)).length <= 20);
});

Deno.test("sqlite: :memory: keeps nothing and says so", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open({ path: ":memory:" });
    assertEquals(broker.location, "memory");
    await broker.publish([draft("a")]);
    assertEquals(await textsOf(broker), ["a"]);
  }
  await using broker = await at.open({ path: ":memory:" });
  assertEquals(await textsOf(broker), []);
  await assertRejects(() => Deno.stat(at.file), Deno.errors.NotFound);
});
