/**
 * What was deleted or edited is nowhere any more: not in the database's files, after the write-ahead log
 * was emptied and after a stop, and not in any page, stream or tail.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { connect, member, serve, told, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { Dice, SEED } from "./support/random.ts";
import { edit, react, remove } from "./support/revision_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { Stream } from "./support/stream.ts";

/** Every text begins with this, and a number follows. */
const SECRET = "secretword";

/** The numbers of the secrets that a file holds. */
function secretsIn(path: string): Set<number> {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return new Set([...text.matchAll(new RegExp(`${SECRET}(\\d+)x`, "g"))].map(([, n]) => Number(n)));
}

function secretsBeside(file: string): Set<number> {
  const found = new Set<number>();
  for (const path of [file, `${file}-wal`]) {
    try {
      for (const number of secretsIn(path)) found.add(number);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
  return found;
}

/** A message that was stored. */
interface Secret {
  number: number;
  readonly seq: number;
  isDeleted?: boolean;
}

/** A text that begins at the very end of a page of the file is not found: a few may be missing. */
function assertOnlyLeft(file: string, secrets: ReadonlyMap<string, readonly Secret[]>): void {
  const left = [...secrets.values()].flat().filter(({ isDeleted }) => !isDeleted);
  const expected = new Set(left.map(({ number }) => number));
  const found = secretsBeside(file);
  assertEquals([...found.difference(expected)], []);
  assert(found.size > expected.size / 2, `${found.size} of ${expected.size} were found`);
}

Deno.test(`sqlite: text that was edited or deleted is in no file, seed ${SEED}`, async () => {
  const dice = new Dice(SEED);
  await using at = new Directory();
  const alive = new Map<string, Secret[]>();
  let number = 0;
  const secret = () =>
    `${SECRET}${++number}x${"y".repeat(dice.below(dice.chance(0.1) ? 9000 : 60))}`;
  {
    await using broker = await at.open();
    for (let round = 0; round < 300; round++) {
      const room = `room ${dice.below(20)}`;
      const messages = alive.get(room) ?? [];
      alive.set(room, messages);
      if (messages.length === 0 || dice.chance(0.5)) {
        const batch = Array.from({ length: 1 + dice.below(5) }, () => draft(secret(), { room }));
        messages.push(...batch.map((_, index) => ({
          number: number - batch.length + 1 + index,
          seq: messages.length + 1 + index,
        })));
        await broker.publish(batch);
        continue;
      }
      const message = dice.pick(messages);
      if (message.isDeleted) continue;
      const { seq } = message;
      if (dice.chance(0.3)) {
        message.isDeleted = true;
        await broker.publish([remove(seq, { room })]);
      } else if (dice.chance(0.5)) {
        await broker.publish([edit(seq, secret(), { room })]);
        message.number = number;
      } else {
        await broker.publish([react(seq, `r${round}`, { room })]);
      }
    }
    broker.prune();
    broker.prune(); // Nothing was said since: the file is written anew.
    assertOnlyLeft(at.file, alive);
    const last = alive.get("room 0") ?? [];
    await broker.publish(last.map(({ seq }) => remove(seq, { room: "room 0" })));
    for (const message of last) message.isDeleted = true;
  }
  assertOnlyLeft(at.file, alive);
});

/** Writes a secret into the unused space of the first page that has enough: https://sqlite.org/fileformat2.html#b_tree_pages */
function hideInPage(file: string, secret: string): void {
  const bytes = Deno.readFileSync(file);
  const view = new DataView(bytes.buffer);
  const [LEAF, PAGE, HEADER] = [13, 4096, 8];
  for (let page = PAGE; page < bytes.length; page += PAGE) {
    const used = HEADER + 2 * view.getUint16(page + 3);
    const content = view.getUint16(page + 5) || 65_536;
    if (bytes[page] !== LEAF || content - used < 2 * secret.length) continue;
    bytes.set(new TextEncoder().encode(secret), page + used + secret.length / 2);
    return Deno.writeFileSync(file, bytes);
  }
  throw new Error("No page has enough unused space.");
}

for (const isEmpty of [false, true]) {
  const log = isEmpty ? "an empty write-ahead log" : "a write-ahead log";
  Deno.test(`sqlite: what a killed process has left in the unused space of pages, and ${log}, is overwritten`, async () => {
    await using at = new Directory();
    await using left = new Directory();
    {
      await using broker = await at.open();
      await broker.publish([draft("a")]);
      broker.prune();
      if (!isEmpty) await broker.publish([draft("b")]);
      assertEquals((await Deno.stat(`${at.file}-wal`)).size === 0, isEmpty);
      for (const suffix of ["", "-wal"]) await Deno.copyFile(at.file + suffix, left.file + suffix);
    }
    hideInPage(left.file, `${SECRET}1x`);
    assertEquals([...secretsIn(left.file)], [1]);
    await using broker = await left.open();
    broker.prune();
    broker.prune(); // nothing was said since
    assertEquals([...secretsBeside(left.file)], []);
    assertEquals((await broker.state("lobby")).head, isEmpty ? 1 : 2);
  });
}

Deno.test(`sqlite: what was erased is in no file, seed ${SEED}`, async () => {
  const dice = new Dice(SEED);
  await using at = new Directory();
  await using broker = await at.open();
  const kept: number[] = [];
  let number = 0;
  for (let round = 0; round < 400; round++) {
    const [user, room] = [`user ${dice.below(4)}`, `room ${dice.below(6)}`];
    const text = `${SECRET}${++number}x${"y".repeat(dice.below(dice.chance(0.1) ? 9000 : 60))}`;
    if (user !== "user 0" && room !== "room 0") kept.push(number);
    if (dice.chance(0.1)) {
      const event = JSON.stringify({ type: "custom", name: text, from: { id: user } });
      await broker.retain(room, { name: text.slice(0, 60), event, isRemoval: false });
    } else {
      await broker.publish([draft(text, { user, room })]);
    }
  }
  await Promise.all([
    broker.eraser.user({ userId: "user 0", isWhole: dice.chance(0.5) }),
    broker.eraser.room("room 0"),
  ]);
  assertEquals([...secretsBeside(at.file)].toSorted(), kept.toSorted());
  for (const path of [at.file, `${at.file}-wal`]) {
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(path));
    assert(!bytes.includes("room 0"), path);
  }
});

Deno.test("a room whose erasing was cut off is removed after the next start", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    for (let i = 0; i < 300; i++) await broker.publish([draft(`${SECRET}${i}x`)]);
  }
  at.sql("UPDATE rooms SET name = char(1) || id"); // as its first step leaves it
  await using broker = await at.open();
  assertEquals((await broker.open("lobby")).head, 0);
  await until(() => {
    broker.prune();
    return secretsBeside(at.file).size === 0;
  }, "the messages to be removed");
});

Deno.test("a deleted text is in no page, stream or tail", async () => {
  await using server = await serve();
  await using ada = await member(server, { protocol: "parley.v1" });
  await using stream = await Stream.open(server);
  await stream.next("joined");
  ada.send({ type: "chat", payload: `${SECRET}1x` }, { type: "chat", payload: `${SECRET}2x` });
  await ada.next("chat", ({ seq }) => seq === 2);
  ada.send({ type: "delete", seq: 1 }, { type: "edit", seq: 2, payload: "nothing" });
  await ada.next("revised", ({ message, mine }) => message.seq === 2 && mine !== undefined);
  await stream.next("revised", ({ message }) => message.seq === 2);
  assert(!JSON.stringify((await ask(server, "/rooms/lobby/messages")).json).includes(SECRET));
  // From the tail: afresh, and with cursors from before.
  const { epoch } = (await ask(server, "/rooms/lobby/messages")).json;
  for (const since of [undefined, { epoch, seq: 0, rev: 0 }, { epoch, seq: 2, rev: 0 }]) {
    await using late = await connect(server, { protocol: "parley.v1" });
    late.send({ type: "join", room: "lobby", ...(since && { since }) });
    await late.next("joined");
    await told(late);
    await until(() => late.frames.join().includes("nothing"), "the message as it is");
    assert(!late.frames.join().includes(SECRET));
  }
  for (const after of ["", `${epoch}:0`, `${epoch}:2`]) {
    const path = `/rooms/lobby/events?seconds=1${after && `&after=${after}`}`;
    const text = await (await fetch(server.url + path)).text();
    assert(text.includes("nothing") && !text.includes(SECRET), text);
  }
});
