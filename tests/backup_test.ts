/**
 * A database that is put back to an earlier state: a cursor is recovered only if what its client saw is
 * what the file holds now. An ordinary restart recovers everybody.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { logOf } from "./support/checker.ts";
import { connect, serve } from "./support/harness.ts";
import { ask, fill, MESSAGES } from "./support/http.ts";
import { react } from "./support/revision_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";
import { epochOf } from "../server/broker/epoch.ts";
import type { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import type { Server } from "../server/mod.ts";

interface Cursor {
  readonly epoch: string;
  readonly seq: number;
}

/** Whether a cursor is recovered, however it is said; then with everything after it. */
async function recovers(server: Server, since: Cursor): Promise<boolean> {
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "join", since });
  const { recovered, seq, epoch } = await client.next("joined");
  await using stream = await Stream.open(server, { lastEventId: `${since.epoch}:${since.seq}` });
  const joined = await stream.next("joined");
  assertEquals([joined.recovered, joined.epoch], [recovered, epoch]);
  const from = recovered ? since.seq : Math.max(0, seq - 50);
  for (const { seq: expected } of await stream.take("chat", seq - from)) {
    assertEquals((await client.next("chat")).seq, expected);
  }
  if (seq > from) assertEquals(stream.lastEventId, `${epoch}:${seq}`);
  return recovered;
}

/** Says so much more in a server of its own. @returns the cursor of a client that saw all of it. */
async function life(
  at: Directory,
  messages: number,
  act?: (server: Server) => Promise<void>,
  workers = 0,
) {
  await using server = await serve({ db: at.file, workers });
  if (messages > 0) await fill(server, messages);
  await act?.(server);
  const { epoch, head } = (await ask(server, MESSAGES)).json;
  return { epoch, seq: head };
}

/** Copies a database that nobody has open. */
function copy(at: Directory): Uint8Array {
  return at.bytes();
}

for (const workers of [0, 1]) {
  const where = workers === 0 ? "" : ", over a thread that stores";
  Deno.test(`after a backup is put back, a client that saw later messages is not recovered${where}`, async () => {
    await using at = new Directory();
    const early = await life(at, 5, undefined, workers);
    const backup = copy(at);
    const late = await life(at, 5, async (server) => {
      assertEquals(await recovers(server, early), true);
    }, workers);
    assertEquals(late.seq, 10);
    at.write(backup);
    await life(at, 8, async (server) => {
      for (const seq of [0, 5, 6, 9, 10, 13]) {
        assertEquals(await recovers(server, { ...late, seq }), false, `${seq}`);
      }
      for (const seq of [0, 3, 5]) {
        assertEquals(await recovers(server, { ...early, seq }), true, `${seq}`);
      }
      assertEquals(await recovers(server, { ...early, seq: 6 }), false);
    }, workers);
  });
}

Deno.test("ordinary restarts recover every cursor, and tell the new epoch of the same log", async () => {
  await using at = new Directory();
  const cursors: Cursor[] = [];
  for (let start = 0; start < 6; start++) {
    const cursor = await life(at, start % 2, async (server) => {
      for (const old of cursors) assertEquals(await recovers(server, old), true, old.epoch);
    });
    if (start > 0) cursors.push(cursor);
  }
  assertEquals(new Set(cursors.map(({ epoch }) => epoch)).size, 5);
  assertEquals(new Set(cursors.map(({ epoch }) => logOf(epoch))).size, 1);
});

Deno.test("a backup from several starts ago recovers only cursors of messages that it holds", async () => {
  await using at = new Directory();
  const first = await life(at, 3);
  const second = await life(at, 3);
  const backup = copy(at);
  const third = await life(at, 3);
  const fourth = await life(at, 3);
  at.write(backup);
  await life(at, 2);
  await life(at, 20, async (server) => {
    for (const [cursor, isGood] of [[first, true], [second, true]] as const) {
      assertEquals(await recovers(server, cursor), isGood);
    }
    assertEquals(await recovers(server, third), false);
    assertEquals(await recovers(server, fourth), false);
  });
});

Deno.test("a copy that was taken while the server ran recovers only what it holds", async () => {
  await using at = new Directory();
  await using other = new Directory();
  let middle: Cursor | undefined;
  const late = await life(at, 5, async (server) => {
    await Deno.copyFile(at.file, other.file); // nothing is written meanwhile
    await Deno.copyFile(`${at.file}-wal`, `${other.file}-wal`);
    const { epoch, head } = (await ask(server, MESSAGES)).json;
    middle = { epoch, seq: head };
    await fill(server, 5);
  });
  assert(middle !== undefined && middle.epoch === late.epoch);
  const { seq, ...mark } = middle;
  await life(other, 8, async (server) => {
    assertEquals(await recovers(server, { ...mark, seq }), true);
    for (const beyond of [6, 10, 13]) {
      assertEquals(await recovers(server, { ...mark, seq: beyond }), false, `${beyond}`);
    }
  });
});

Deno.test("canResume() is false for what a later start has stored, also where rows were pruned", async () => {
  await using at = new Directory();
  const options = { retainMessages: 10 };
  const marks: string[] = [];
  for (let start = 0; start < 3; start++) {
    await using broker = await at.open(options);
    marks.push((await broker.open("lobby")).mark ?? "");
    for (let i = 0; i < 10; i++) await broker.publish([draft("x")]);
  }
  await using broker = await at.open(options);
  const page = await broker.read("lobby", { limit: 100 });
  const first = page?.first ?? 0;
  assert(first > 15 && first <= 21);
  const canResume = (start: number, seq: number) =>
    broker.canResume("lobby", marks[start] ?? "", seq);
  // The row after the cursor is kept, and was stored before the next start.
  assertEquals(await canResume(2, first - 1), true);
  assertEquals(await canResume(0, first), false);
  assertEquals([await canResume(1, 20), await canResume(1, 21)], [first <= 20, false]);
});

Deno.test("a cursor of version 2, which carries no mark, is recovered", async () => {
  await using at = new Directory();
  at.makeVersion2();
  const epoch = epochOf({ epoch: "epoch" }, "lobby");
  await life(at, 2, async (server) => {
    assertEquals(await recovers(server, { epoch, seq: 1 }), true);
    assertEquals(await recovers(server, { epoch, seq: 2 }), false);
  });
  await using broker = await at.open();
  const [again] = await broker.publish([draft("old", { ref: "r" })]);
  assertEquals([again?.seq, again?.repeated], [1, true]);
});

Deno.test("canResume() is false for revisions that a later start has numbered anew", async () => {
  await using at = new Directory();
  const marks: string[] = [];
  const start = async (act: (broker: SqliteBroker) => Promise<void>) => {
    await using broker = await at.open();
    marks.push((await broker.open("lobby")).mark ?? "");
    await act(broker);
  };
  await start(async (broker) => {
    await broker.publish([draft("1"), draft("2")]);
    await broker.publish([react(1, "a")]);
  });
  await start(async (broker) => {
    await broker.publish([react(1, "b")]);
    await broker.publish([react(2, "c")]);
  });
  await start(async (broker) => {
    await broker.publish([react(1, "d")]);
    const canResume = (of: number, rev: number) =>
      broker.canResume("lobby", marks[of] ?? "", 2, rev);
    assertEquals([await canResume(0, 0), await canResume(0, 1), await canResume(0, 2)], [
      ...[true, true, false],
    ]);
    assertEquals([await canResume(1, 3), await canResume(1, 4), await canResume(2, 4)], [
      ...[true, false, true],
    ]);
  });
});
