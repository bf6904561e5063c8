/**
 * The `ref`s of a long log: they are read in steps, while everything else goes on, and rooms that are
 * only read do not push them out of memory.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";

const OPTIONS = { dedupeMessages: 1000 };

/** Says so much in the lobby, a batch for each message. */
async function fill(broker: SqliteBroker, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await broker.publish([draft(`${i}`, { ref: `r${i}` })]);
}

/** Says something, and counts the turns of the event loop until it is stored. */
async function turnsOf(broker: SqliteBroker, text: string, ref: string) {
  let turns = 0;
  let isDone = false;
  const turn = () => {
    turns++;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const [receipt] = await broker.publish([draft(text, { ref, receipt: true })]);
  isDone = true;
  return { turns, receipt };
}

Deno.test("the refs of a long log are read in steps, and every one is recognised", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open(OPTIONS);
    await fill(broker, 1500);
  }
  await using broker = await at.open(OPTIONS);
  const { turns, receipt } = await turnsOf(broker, "600", "r600");
  assertEquals([receipt?.seq, receipt?.repeated], [601, true]);
  assert(turns >= 4, `all was read in ${turns} turns`);
  for (let i = 500; i < 1500; i += 97) {
    const again = await turnsOf(broker, `${i}`, `r${i}`);
    assertEquals([again.receipt?.repeated, again.turns], [true, 0], `r${i}`);
  }
  const old = await turnsOf(broker, "0", "r0");
  assertEquals([old.receipt?.repeated, old.receipt?.seq], [false, 1501]);
});

Deno.test("the newest refs are recognised, however many came before", async () => {
  await using at = new Directory();
  await using broker = await at.open({ ...OPTIONS, path: ":memory:" });
  for (let head = 0; head < 8000; head += 250) {
    const texts = Array.from({ length: 250 }, (_, index) => `${head + index}`);
    await broker.publish(texts.map((text) => draft(text, { ref: `r${text}` })));
    const known = [head + 249, head, head - 749].filter((number) => number >= 0);
    const again = known.map((number) => draft(`${number}`, { ref: `r${number}` }));
    const receipts = await broker.publish(again);
    assertEquals(receipts.map(({ seq, repeated }) => repeated && seq - 1), known);
  }
});

Deno.test("other rooms go on while refs are read, and a batch of both rooms is stored whole", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open(OPTIONS);
    await fill(broker, 1000);
  }
  await using broker = await at.open(OPTIONS);
  const order: string[] = [];
  const publishing = broker.publish([
    draft("a", { room: "other", ref: "a" }),
    draft("1", { ref: "r1" }),
    draft("b", { room: "other", ref: "a" }),
    draft("new", { ref: "new" }),
  ]).then((receipts) => {
    order.push("published");
    return receipts;
  });
  await broker.open("elsewhere");
  await broker.read("lobby", { limit: 10 });
  broker.close("elsewhere");
  broker.prune();
  order.push("read");
  const receipts = await publishing;
  assertEquals(order, ["read", "published"]);
  assertEquals(receipts.map(({ draft, seq }) => [draft.text, seq]), [["1", 2], ["b", 1]]);
  assertEquals([(await broker.state("lobby")).head, (await broker.state("other")).head], [1001, 1]);
});

Deno.test("rooms that are only read evict no refs of rooms that are written to", async () => {
  await using at = new Directory();
  await using broker = await at.open({ ...OPTIONS, path: ":memory:" });
  await fill(broker, 1000);
  for (let i = 0; i < 300; i++) await broker.publish([draft("x", { room: `room ${i}` })]);
  await broker.publish([draft("again", { ref: "again" })]); // the lobby is the newest again
  for (let i = 0; i < 300; i++) {
    await broker.state(`room ${i}`);
    await broker.read(`room ${i}`, { limit: 10 });
    await broker.state(`never ${i}`);
  }
  await broker.publish([draft("x", { room: "room 0" })]);
  const { turns, receipt } = await turnsOf(broker, "7", "r7");
  assertEquals([turns, receipt?.seq], [0, 8]);
});
