/**
 * Several serving threads and one that stores: one order for all, batches that are committed together, errors
 * that cross, and what becomes of either when the other is gone.
 *
 * @module
 */
import { type Backup, BackupRefusal } from "../server/broker/backups.ts";
import { type Broker, BrokerError, FullError, type MemberChange } from "../server/broker/broker.ts";
import { RetainedBoundError } from "../server/broker/retained.ts";
import { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { Backlog, MAX_CHARS } from "../server/broker/threads/backlog.ts";
import { News } from "../server/broker/threads/news.ts";
import { OutgoingSignals } from "../server/broker/threads/outgoing_signals.ts";
import { PreparedRooms } from "../server/broker/threads/prepared_rooms.ts";
import { Storing } from "../server/broker/threads/storing.ts";
import { retainDaysIn } from "../server/broker/threads/storing_options.ts";
import type { StoringThread } from "../server/broker/threads/storing_thread.ts";
import { ThreadBroker } from "../server/broker/threads/thread_broker.ts";
import { type Log, silentLog } from "../server/log.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft, linesOf, textsOf } from "./support/broker_suite.ts";
import { patiently, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { ServingWorker } from "./support/serving_worker.ts";
import { BAN, Heard, retain } from "./support/state_suite.ts";
import { ThreadsStore } from "./support/threads_store.ts";

/** A storing thread, and two brokers of this thread that it serves. */
interface Threads {
  readonly store: ThreadsStore;
  readonly storing: StoringThread;
  readonly a: ThreadBroker;
  readonly b: ThreadBroker;
}

function test(
  behaviour: string,
  act: (threads: Threads) => Promise<void>,
  options: Parameters<ThreadsStore["start"]>[0] = {},
): void {
  Deno.test(`threads: ${behaviour}`, async () => {
    await using store = new ThreadsStore();
    await using storing = await store.start(options);
    await using a = await ThreadBroker.open(storing.connect(), { readsJournal: true });
    await using b = await ThreadBroker.open(storing.connect());
    await act({ store, storing, a, b });
  });
}

/** What a thread hears of its rooms, as text. */
function follow(broker: Broker): { readonly texts: string[]; readonly members: MemberChange[] } {
  const heard = { texts: [] as string[], members: [] as MemberChange[] };
  broker.listen({
    committed: (room, { batch }) => void heard.texts.push(room + batch.array),
    signalled: (room, { event }) => void heard.texts.push(room + event),
    logReplaced: (room) => void heard.texts.push(`${room} replaced`),
    membersChanged: (_, change) => void heard.members.push(change),
    marked: (marks) => void heard.texts.push(JSON.stringify(marks)),
  });
  return heard;
}

const USER = { id: "u1", name: "Ada" };

test("the order of a room is the same on every thread", async ({ storing, a }) => {
  using worker = await ServingWorker.start(storing);
  const { texts } = follow(a);
  await a.open("lobby");
  await worker.act({ open: "lobby" });
  const said = Array.from({ length: 50 }, async (_, n) => {
    await a.publish([draft(`a ${n}`, { ref: `${n}` }), draft("x", { room: "other" })]);
  });
  await Promise.all([...said, worker.act({ say: "b", batches: 50 })]);
  const there = await worker.act({ say: "last", batches: 1 });
  await a.catchUpTo("lobby");
  assertEquals(texts.join(""), there);
  assertEquals((await textsOf(a)).length, 50 + 100 + 2);
});

test("only what a thread has open is called back there, once", async ({ a, b }) => {
  const [here, there] = [follow(a), follow(b)];
  await a.open("tea");
  await b.publish([draft("1", { room: "tea" })]);
  await a.catchUpTo("tea");
  await b.open("tea");
  await a.publish([draft("2", { room: "tea" }), draft("3", { room: "cake" })]);
  await b.catchUpTo("tea");
  assertEquals([here.texts.length, there.texts.length], [2, 1]);
  assertEquals(here.texts[1], there.texts[0]);
  b.close("tea");
  await b.publish([draft("4", { room: "tea" })]);
  await a.catchUpTo("tea");
  assertEquals([here.texts.length, there.texts.length], [3, 1]);
});

test("a room that is closed and opened again hears nothing of the time between", async ({ a, b }) => {
  const { texts } = follow(a);
  for (let round = 1; round <= 20; round++) {
    await a.open("tea");
    const said = ["1", "2", "3"].map((text) => b.publish([draft(text, { room: "tea" })]));
    await said[0];
    a.close("tea");
    const again = a.open("tea");
    a.close("tea");
    texts.length = 0;
    const { head } = await a.open("tea");
    await Promise.all([again, ...said]);
    await a.catchUpTo("tea");
    const heard = texts.flatMap((text) => JSON.parse(text.slice(3)));
    const expected = Array.from({ length: 3 * round - head }, (_, index) => head + 1 + index);
    assertEquals(heard.map(({ seq }) => seq), expected);
    a.close("tea");
  }
});

test("signals, marks, retained events and orders reach the other thread", async ({ a, b }) => {
  const there = follow(b);
  await b.open("tea");
  await a.open("tea");
  a.signal("tea", { event: "{}" });
  a.marks.tell([{ userId: "u1", room: "tea", seq: 1 }]);
  await until(() => there.texts.length === 2, "the signal and the mark");
  assertEquals(there.texts, ["tea{}", '[{"userId":"u1","room":"tea","seq":1}]']);
  const heard = [new Heard(a), new Heard(b)];
  await Promise.all([retain(a, "x", 1, "tea"), retain(b, "x", 2, "tea"), a.order(BAN)]);
  await b.check(); // what was said before has arrived
  for (const { changes, orders } of heard) assertEquals([changes.length, orders], [2, [BAN]]);
  assertEquals(heard[0]?.changes, heard[1]?.changes);
  assertEquals([a.sanctions(), b.sanctions()], [[BAN], [BAN]]);
});

test("what was erased by one thread is replaced on the other", async ({ a, b }) => {
  const { texts } = follow(b);
  await b.open("tea");
  await a.publish([draft("1", { room: "tea" })]);
  await a.eraser.room("tea");
  await b.check();
  assertEquals(texts.at(-1), "tea replaced");
});

test("what is queued on another thread is stored before it is erased", async ({ a, b }) => {
  const asked = Promise.withResolvers<void>();
  const queue = Promise.withResolvers<void>();
  b.listen({
    committed() {},
    signalled() {},
    settle() {
      asked.resolve();
      return queue.promise;
    },
  });
  let isErased = false;
  const erasing = a.eraser.room("tea").then(() => isErased = true);
  await patiently(asked.promise, "the other thread to be asked");
  await b.publish([draft("queued", { room: "tea" })]);
  assertEquals([isErased, await textsOf(a, "tea")], [false, ["queued"]]);
  queue.resolve();
  await erasing;
  assertEquals(await textsOf(a, "tea"), []);
});

test("erasing does not wait for a thread that is gone", async ({ a, b }) => {
  const asked = Promise.withResolvers<void>();
  b.listen({
    committed() {},
    signalled() {},
    settle() {
      asked.resolve();
      return new Promise(() => {});
    },
  });
  const erasing = a.eraser.room("tea");
  await patiently(asked.promise, "the other thread to be asked");
  await b[Symbol.asyncDispose]();
  await erasing;
});

test("a listener that throws keeps nothing from being heard", async ({ a }) => {
  const errors: unknown[] = [];
  const take = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error.message);
  };
  addEventListener("error", take);
  a.listen({
    committed() {
      throw new Error("the listener");
    },
    signalled() {},
  });
  await a.open("lobby");
  assertEquals((await a.publish([draft("1", { receipt: true })])).length, 1);
  removeEventListener("error", take);
  assertEquals(errors, ["the listener"]);
});

test("a user on two threads is one member, until both are left", async ({ a, b }) => {
  const { members } = follow(b);
  a.members.enter("tea", USER);
  await a.open("tea");
  await b.open("tea");
  b.members.enter("tea", { id: "u1", name: "Ada L." });
  await b.check(); // two ports have no order between them
  a.members.leave("tea", USER);
  assertEquals(await b.members.list("tea"), [{ id: "u1", name: "Ada L." }]);
  assertEquals(await a.members.rooms(10, 0), [{ name: "tea", memberCount: 1 }]);
  b.members.leave("tea", USER);
  assertEquals(await b.members.find("tea", "u1"), undefined);
  assertEquals(await b.members.rooms(10, 0), []);
  assertEquals(members.map(({ kind }) => kind), ["everyone", "renamed", "left"]);
});

test("a list of rooms leaves none out that has members while it is read", async ({ a, b }) => {
  for (const [index, room] of ["first", "second", "third"].entries()) {
    for (let n = index; n < 3; n++) a.members.enter(room, { id: `u${n}`, name: "Ada" });
  }
  await a.check(); // what was said before has arrived
  const list = [...await b.members.rooms(1, 0)];
  for (let n = 0; n < 3; n++) a.members.leave("first", { id: `u${n}`, name: "Ada" });
  await a.check();
  list.push(...await b.members.rooms(1, 1), ...await b.members.rooms(1, 2));
  assertEquals(list.map(({ name }) => name), ["first", "second", "third"]);
  assertEquals((await b.members.rooms(9, 0)).map(({ name }) => name), ["second", "third"]);
});

test("the users of a thread that dies leave, its rooms close, and its backup ends", async (threads) => {
  const { storing, a } = threads;
  const { members } = follow(a);
  await a.open("tea");
  {
    using worker = await ServingWorker.start(storing);
    await worker.act({ enter: "tea", id: "u1" });
    await worker.act({ open: "tea" });
    await worker.act({ backup: true });
    await assertRejects(() => a.backups?.make() ?? Promise.resolve(), BackupRefusal, "Another");
  }
  await until(() => members.at(-1)?.kind === "left", "the user to leave");
  using backup = await a.backups?.make();
  assert(backup !== undefined && backup.bytes > 0);
  assertEquals((await a.publish([draft("on", { receipt: true })]))[0]?.seq, 1);
});

test("a thread that stood still is told how far its rooms have come, and then what follows", async ({ storing, a }) => {
  using worker = await ServingWorker.start(storing);
  await worker.act({ open: "lobby" });
  const go = new Int32Array(new SharedArrayBuffer(4));
  const standing = worker.act({ standUntil: go });
  for (let n = 0; n < 40; n++) await a.publish([draft("x".repeat(500_000))]);
  await a.open("lobby");
  a.signal("lobby", { event: "{lost}" });
  await a.check(); // what was said before has arrived
  Atomics.store(go, 0, 1);
  Atomics.notify(go, 0);
  await standing;
  const heard = await worker.act({ say: "on", batches: 1 });
  const [before = "", after = ""] = heard.split("lobby up to 40");
  const seqsOf = (text: string) => text.matchAll(/"seq":(\d+)/g).map(([, seq]) => Number(seq));
  const sent = [...seqsOf(before)];
  assertEquals(sent, sent.map((_, index) => index + 1));
  assert(sent.length > 30 && sent.length < 40, `${sent.length} messages`);
  assertEquals([...seqsOf(after)], [41, 42]);
  assert(!heard.includes("{lost}"));
});

test("a user who comes back to another thread in time has not left", async ({ storing, a }) => {
  const { members } = follow(a);
  await a.open("tea");
  {
    using worker = await ServingWorker.start(storing);
    await worker.act({ enter: "tea", id: "u1" });
    await worker.act({ open: "tea" });
  }
  a.members.enter("tea", { id: "u1", name: "u1" });
  a.members.enter("tea", { id: "u2", name: "u2" });
  await until(() => members.length >= 3, "the second to join");
  assertEquals(members.map(({ kind }) => kind), ["everyone", "joined", "joined"]);
}, { absenceMs: 60_000 });

test("a batch that cannot be stored does not fail the others' batches", async ({ a, b }) => {
  await a.open("lobby"); // an open room keeps its newest message, so nothing can be pruned
  const { bytes = 0 } = a.measure();
  await a.publish([draft("x".repeat(1_010_000 - bytes))]);
  for (let round = 0; round < 5; round++) {
    const room = `room ${round}`;
    await b.open(room);
    const [full, stored, nul] = await Promise.allSettled([
      a.publish([draft("before", { room }), draft("x".repeat(600_000), { room })]),
      b.publish([draft("small", { room })]),
      a.publish([draft("what ends a field", { ref: "\0" })]),
    ]);
    assert(full.status === "rejected" && full.reason instanceof FullError, full.status);
    assert(nul.status === "rejected" && nul.reason instanceof BrokerError, nul.status);
    assertEquals(stored.status, "fulfilled");
    assertEquals(await textsOf(a, room), ["small"]);
  }
}, { maxDatabaseMb: 1 });

test("errors keep their class and their sentence", async ({ store, a }) => {
  const backup = await a.backups?.make();
  const again = () => a.backups?.make() ?? Promise.resolve();
  assertEquals((await assertRejects(again, BackupRefusal)).problem, "busy");
  backup?.[Symbol.dispose]();
  const half = "x".repeat(40_000);
  await retain(a, "half", half);
  await assertRejects(() => retain(a, "other", half), RetainedBoundError, "65536 bytes");
  await Deno.remove(store.directory.file);
  await assertRejects(() => a.check(), BrokerError, "was removed");
  await assertRejects(() => a.publish([draft("lost")]), BrokerError, "was removed");
  assertEquals(await a.probe(), "database_gone");
});

/** Reads a copy as far as its last byte. */
async function readAll(backup: Backup | undefined): Promise<Uint8Array[]> {
  assert(backup !== undefined);
  const pieces: Uint8Array[] = [];
  while (sizeOf(pieces) < backup.bytes) {
    const piece = await backup.next();
    assert(piece !== null);
    pieces.push(piece);
  }
  return pieces;
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

test("a backup crosses in pieces and is whole", async ({ store, a }) => {
  await a.publish(Array.from({ length: 500 }, (_, n) => draft(`${n} ${"x".repeat(500)}`)));
  let pieces: Uint8Array[];
  {
    using backup = await a.backups?.make();
    pieces = await readAll(backup);
    assert(pieces.length > 1);
    assertEquals(sizeOf(pieces), backup?.bytes);
  }
  const path = `${store.directory.path}/copy.db`;
  await Deno.writeFile(path, new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()));
  await using copy = await SqliteBroker.open({
    ...{ path, retainMessages: 0, retainDays: 0, dedupeMessages: 10 },
  });
  assertEquals((await textsOf(copy)).length, 500);
});

test("after the last byte of a backup another thread can make one, and nothing ends that", async ({ a, b }) => {
  const backups = [await a.backups?.make()];
  assertEquals(sizeOf(await readAll(backups[0])), backups[0]?.bytes);
  backups.push(await b.backups?.make());
  assertEquals(sizeOf(await readAll(backups[1])), backups[1]?.bytes);
  assertEquals(await backups[1]?.next(), null);
  backups.push(await a.backups?.make());
  for (const backup of backups.slice(0, 2)) backup?.[Symbol.dispose]();
  await a.check(); // what was said before has arrived
  assert(await backups[2]?.next() !== null);
  backups[2]?.[Symbol.dispose]();
});

test("the thread that asks for the journal is told of all commits", async ({ a, b }) => {
  let grown = 0;
  assert(a.journal !== undefined && b.journal === undefined);
  a.journal.listen(() => void grown++);
  assertEquals(await a.journal.read(), undefined); // the reader's place is the end of the log now
  await b.publish([draft("1")]);
  await until(() => grown === 1, "the journal to grow");
  assert(Date.now() - (a.journal.waitingSince() ?? 0) < 60_000);
  const excerpt = await a.journal.read();
  assert(excerpt !== undefined && excerpt.records.length === 1);
  await a.journal.take(excerpt.upTo);
  assertEquals(a.journal.waitingSince(), undefined);
});

Deno.test("threads: when the store is closed, calls fail in order, and what was acknowledged is kept", async () => {
  await using store = new ThreadsStore();
  const storing = await store.start();
  const broker = await ThreadBroker.open(storing.connect());
  await broker.publish([draft("acknowledged")]);
  const last = broker.publish([draft("under way")]).then(() => true, (thrown) => thrown);
  await broker.state("lobby"); // so the batch has arrived
  await storing[Symbol.asyncDispose]();
  assertEquals(await last, true);
  await assertRejects(() => broker.publish([draft("late")]), BrokerError, "is gone");
  await assertRejects(() => broker.read("lobby", { limit: 1 }), BrokerError, "is gone");
  broker.signal("lobby", { event: "{}" });
  await broker[Symbol.asyncDispose]();
  await using sqlite = await store.directory.open();
  assertEquals(linesOf(await sqlite.read("lobby", { limit: 9 })).map(({ payload }) => payload), [
    ...["acknowledged", "under way"],
  ]);
});

Deno.test("threads: start() throws what opening the file throws, and leaves nothing behind", async () => {
  await using store = new ThreadsStore();
  store.directory.write("this is no database");
  const { message } = await assertRejects(() => store.directory.open(), BrokerError);
  await assertRejects(() => store.start(), BrokerError, message);
});

Deno.test("threads: a second store on the same file is refused, and the first keeps its lock", async () => {
  await using store = new ThreadsStore();
  await using _storing = await store.start();
  await assertRejects(() => store.start(), BrokerError, "is in use by this process already");
  await assertRejects(() => store.directory.open(), BrokerError, "in use by this process already");
  await using program = await Program.run(["--port", "0", "--db", store.directory.file]);
  assertMatch((await program.ended()).err, /is in use by another process/);
});

Deno.test("threads: the lines of the storing thread come to the log of the one that starts it", async () => {
  await using store = new ThreadsStore();
  store.directory.makeVersion4();
  const lines: string[] = [];
  const log: Log = { ...silentLog, info: (event, facts) => lines.push(`${event} ${facts?.from}`) };
  await using storing = await store.start({}, log);
  assertMatch(lines.join(), /^database kept before its migration 4/);
  await using broker = await ThreadBroker.open(storing.connect());
  assertEquals(await textsOf(broker), ["old"]);
});

Deno.test("threads: what nobody foresaw is logged, and the storing thread goes on", async () => {
  await using store = new ThreadsStore();
  const lines: string[] = [];
  const log: Log = { ...silentLog, error: (event) => lines.push(event) };
  await using storing = await store.start({}, log);
  await using broker = await ThreadBroker.open(storing.connect());
  const port = storing.connect();
  port.postMessage(null); // where it expects a greeting
  await until(() => lines.length > 0, "the line");
  port.close();
  assertEquals(lines, ["unforeseen"]);
  assertEquals((await broker.publish([draft("on", { receipt: true })]))[0]?.seq, 1);
});

Deno.test("threads: one that cannot be welcomed is told, and does not wait for ever", async () => {
  await using store = new ThreadsStore();
  const sqlite = await store.directory.open();
  const broken = { sanctions: () => assert(false, "the disk is away") };
  const storing = new Storing(Object.assign(sqlite, broken), 0);
  const reported = Promise.withResolvers<string>();
  const note = (event: ErrorEvent) => {
    event.preventDefault();
    reported.resolve(event.message);
  };
  addEventListener("error", note);
  const { port1, port2 } = new MessageChannel();
  storing.connect(port1);
  const open = patiently(ThreadBroker.open(port2), "the answer");
  await assertRejects(() => open, BrokerError, "The storing thread is gone.");
  assertMatch(await reported.promise, /the disk is away/);
  removeEventListener("error", note);
  await storing.end();
});

Deno.test("News leaves out what a thread can do without that takes nothing, and tells how things are when it goes on", () => {
  const said: unknown[][] = [];
  const news = new News({ say: (...one) => void said.push(one) }, new Backlog(), {
    everyoneIn: () => ({ kind: "everyone", users: [USER] }),
    retainedIn: () => ({ kind: "all", events: new Map([["topic", "{}"]]) }),
  });
  const tell = () => {
    news.membersChanged("tea", { kind: "joined", user: USER });
    news.retainedChanged("tea", { kind: "one", name: "topic", event: "{}", isRemoval: false });
    news.marked([{ userId: "u1", room: "tea", seq: 1 }]);
    news.signalled("tea", { event: "{}" });
    return said.splice(0).map(([name]) => name);
  };
  assertEquals(tell(), ["membersChanged", "retainedChanged", "marked", "signalled"]);
  const long = "x".repeat(MAX_CHARS + 1);
  news.signalled("tea", { event: long });
  said.length = 0;
  assertEquals(tell(), []);
  news.took(long.length);
  assertEquals(said.splice(0), [
    ["membersChanged", "tea", { kind: "everyone", users: [USER] }],
    ["retainedChanged", "tea", { kind: "all", events: new Map([["topic", "{}"]]) }],
  ]);
  news.took(0);
  assertEquals(said, []);
});

Deno.test("OutgoingSignals loses what is too much while the storing thread takes nothing", () => {
  let said = 0;
  const signals = new OutgoingSignals({ say: () => void said++ });
  const event = "x".repeat(1_048_576);
  signals.send("tea", { event });
  assertEquals(said, 0); // there is no other thread
  signals.threads = 2;
  for (let n = 0; n < 40; n++) signals.send("tea", { event });
  assertEquals(said, 17);
  signals.took(2 * event.length);
  for (let n = 0; n < 40; n++) signals.send("tea", { event });
  assertEquals(said, 19);
});

test("signals that were taken make room for others", async ({ a, b }) => {
  const { texts } = follow(b);
  await b.open("tea");
  const event = "x".repeat(3_000_000);
  for (let n = 1; n <= 12; n++) {
    a.signal("tea", { event });
    await until(() => texts.length === n, "the signal");
  }
});

Deno.test("retainDaysIn() takes the first rule that matches, also if it says nothing", () => {
  const rules = [{ match: "a*", retainDays: 1 }, { match: "b" }, { match: "*", retainDays: 0 }];
  assertEquals(["abc", "b", "c"].map((room) => retainDaysIn(rules, room)), [1, undefined, 0]);
  assertEquals(retainDaysIn([], "c"), undefined);
});

Deno.test("PreparedRooms asks once for a room that is open, and anew for one of many that are not", async () => {
  const asked: string[] = [];
  const rooms = new PreparedRooms(new Set(["open"]), (room) => {
    asked.push(room);
    return Promise.resolve();
  });
  const prepare = async (...names: readonly string[]) => {
    const batch = names.map((room) => draft("x", { room, ref: "r" }));
    const unprepared = rooms.prepare(batch);
    for (const prepared of unprepared?.values() ?? []) await prepared;
    return unprepared?.size ?? 0;
  };
  assertEquals(rooms.prepare([draft("without a ref", { room: "x" })]), undefined);
  assertEquals(await prepare("open", "a", "open", "a", "b"), 3);
  assertEquals(await prepare("open", "a", "b"), 0);
  const others = Array.from({ length: 63 }, (_, n) => `other ${n}`);
  for (const name of others) await prepare(name, "a"); // "a" stays in use, "b" does not
  asked.length = 0;
  assertEquals(await prepare("open", "a", "b"), 1);
  assertEquals(asked, ["b"]);
});
