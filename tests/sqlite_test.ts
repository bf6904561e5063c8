/**
 * The SQLite broker: the suite that every broker passes, and what only a file on a disk can do.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../server/broker/broker.ts";
import { SqliteBroker, type SqliteOptions } from "../server/broker/sqlite.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import { draft, linesOf, type Store, testBroker, textsOf } from "./broker_suite.ts";

const DAY_MS = 86_400_000;

class Directory implements Store {
  readonly path: string;
  readonly file: string;

  constructor() {
    this.path = Deno.makeTempDirSync();
    this.file = `${this.path}/parley.db`;
  }

  open(options: Partial<SqliteOptions> = {}): Promise<SqliteBroker> {
    return SqliteBroker.open({
      path: this.file,
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    });
  }

  bytes(): Uint8Array {
    return Deno.readFileSync(this.file);
  }

  write(bytes: Uint8Array | string): void {
    Deno.writeFileSync(
      this.file,
      typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
    );
  }

  /** Changes a sound database from outside. */
  sql(statements: string): void {
    using database = new DatabaseSync(this.file);
    database.exec(statements);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

// deno-lint-ignore require-await -- as above
testBroker({ name: "sqlite", make: async () => new Directory() });

/** What is in the way, and what the one line says. */
const UNUSABLE: readonly (readonly [what: string, spoil: (at: Directory) => void, says: RegExp])[] =
  [
    ["text", (at) => at.write("dear diary\n"), /not a Parley database; it was left as it is/],
    ["one byte", (at) => at.write("S"), /not a Parley database/],
    [
      "somebody else's database",
      (at) => at.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)"),
      /not a Parley database; it was left as it is/,
    ],
    [
      "somebody else's database in WAL mode",
      (at) => at.sql("PRAGMA journal_mode = WAL; CREATE TABLE t (x)"),
      /not a Parley database; it was left as it is/,
    ],
    ["a newer version's", (at) => {
      makeSound(at);
      at.sql("PRAGMA user_version = 99");
    }, /version 99/],
    ["a damaged one", (at) => {
      makeSound(at);
      const bytes = at.bytes();
      bytes.fill(0x55, 4096, bytes.length);
      at.write(bytes);
    }, /damaged/],
    ["half of one", (at) => {
      makeSound(at);
      at.write(at.bytes().subarray(0, 4096));
    }, /damaged/],
    ["ours without its tables", (at) => {
      makeSound(at);
      at.sql("DROP TABLE log");
    }, /no such table|damaged/],
    ["ours without its first row", (at) => {
      makeSound(at);
      at.sql("DELETE FROM log");
    }, /without its first row/],
  ];

function makeSound(at: Directory): void {
  at.sql(`PRAGMA application_id = ${0x50726c79}; PRAGMA user_version = 1; ${SCHEMA}`);
}

/** As of version 1: a file of this shape must be readable for ever, or its version refused. */
const SCHEMA = `
  CREATE TABLE log (epoch TEXT NOT NULL, secret BLOB NOT NULL) STRICT;
  CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL,
    events TEXT NOT NULL) STRICT;
  INSERT INTO log VALUES ('epoch', randomblob(32));
  INSERT INTO rooms VALUES (1, 'lobby', 0);
  INSERT INTO batches VALUES ((1 << 32) + 1, 1, 1,
    '[{"type":"chat","room":"lobby","seq":1,"at":1,"from":{"id":"u","name":"N"},"payload":"old"}]');
`;

for (const [what, spoil, says] of UNUSABLE) {
  Deno.test(`sqlite: a file that is ${what} is refused in one line and left as it is`, async () => {
    await using at = new Directory();
    spoil(at);
    const before = at.bytes();
    const { message } = await assertRejects(() => at.open(), BrokerError);
    assert(says.test(message) && !message.includes("\n") && message.includes(at.file), message);
    assertEquals(at.bytes(), before);
  });
}

Deno.test("sqlite: a database of version 1 is read as it was written", async () => {
  await using at = new Directory();
  makeSound(at);
  await using broker = await at.open();
  assertEquals(await textsOf(broker), ["old"]);
  assertEquals(await broker.open("lobby"), { epoch: "epoch", head: 1 });
});

Deno.test("sqlite: a damaged file with a write-ahead log is refused and left as it is", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    for (let i = 0; i < 100; i++) await broker.publish([draft("x".repeat(3000))]);
  }
  {
    await using broker = await at.open();
    await broker.publish([draft("in the write-ahead log")]);
    await Deno.copyFile(at.file, `${at.path}/copy.db`);
    await Deno.copyFile(`${at.file}-wal`, `${at.path}/copy.db-wal`);
  }
  await Deno.rename(`${at.path}/copy.db`, at.file);
  await Deno.rename(`${at.path}/copy.db-wal`, `${at.file}-wal`);
  const wal = await Deno.readFile(`${at.file}-wal`);
  assert(wal.length > 0);
  const bytes = at.bytes();
  bytes.fill(0x55, 20 * 4096, 60 * 4096);
  at.write(bytes);
  await assertRejects(() => at.open(), BrokerError, at.file);
  assertEquals(at.bytes(), bytes);
  assertEquals(await Deno.readFile(`${at.file}-wal`), wal);
});

Deno.test("sqlite: a path that cannot be used is refused in one line", async () => {
  await using at = new Directory();
  const open = (path: string) => assertRejects(() => at.open({ path }), BrokerError);
  for (const path of [at.path, `${at.path}/no/such/parley.db`, "/dev/null", "/proc/parley.db"]) {
    const { message } = await open(path);
    assert(message.includes(path) && !message.includes("\n"), message);
  }
});

Deno.test("sqlite: a file that may only be read is refused", async () => {
  await using at = new Directory();
  if (Deno.uid() === 0) return; // root may write anything
  makeSound(at);
  await Deno.chmod(at.file, 0o400);
  await assertRejects(() => at.open(), BrokerError, at.file);
});

Deno.test("sqlite: a new file can be read by its owner only", async () => {
  await using at = new Directory();
  await using _broker = await at.open();
  assertEquals(((await Deno.stat(at.file)).mode ?? 0) & 0o777, 0o600);
});

Deno.test("sqlite: a second process on the same file is refused, also on its symbolic link", async () => {
  await using at = new Directory();
  await using broker = await at.open();
  await broker.publish([draft("mine")]);
  await Deno.symlink(at.file, `${at.path}/link.db`);
  const script = `
    import { SqliteBroker } from ${
    JSON.stringify(import.meta.resolve("../server/broker/sqlite.ts"))
  };
    try {
      await SqliteBroker.open({ path: Deno.args[0], retainMessages: 0, retainDays: 0, dedupeMessages: 1 });
      console.log("opened");
    } catch (thrown) {
      console.log(thrown.name + ": " + thrown.message);
    }`;
  for (const path of [at.file, `${at.path}/link.db`]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", script, path],
    }).output();
    const said = new TextDecoder().decode(stdout).trim();
    assertEquals(said, `BrokerError: The database ${path} is in use by another process.`);
  }
  await broker.publish([draft("still mine")]);
  assertEquals(await textsOf(broker), ["mine", "still mine"]);
});

Deno.test("sqlite: the same file opened twice in one process is refused", async () => {
  await using at = new Directory();
  await using _broker = await at.open();
  await assertRejects(() => at.open(), BrokerError, "in use");
});

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
    await assertRejects(() => broker.publish([draft("b")]), BrokerError, "removed or replaced");
    at.write("something else");
    await assertRejects(() => broker.publish([draft("c")]), BrokerError, "removed or replaced");
  }
  assertEquals(new TextDecoder().decode(at.bytes()), "something else");
});

Deno.test("sqlite: retention by age removes what is too old in small steps, and goes on counting", async () => {
  await using at = new Directory();
  let now = 100 * DAY_MS;
  const options = { now: () => now, retainDays: 30 };
  {
    await using broker = await at.open(options);
    for (let i = 0; i < 300; i++) await broker.publish([draft("old")]);
    await broker.publish([draft("gone", { room: "quiet" })]);
    now += 20 * DAY_MS;
    await broker.publish([draft("young")]);
    now += 11 * DAY_MS;
    await broker.prune();
    const left = (await textsOf(broker)).length;
    assert(left > 1 && left < 301, `one step left ${left}`);
    for (let i = 0; i < 10; i++) await broker.prune();
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
  await using broker = await at.open({ now: () => now, retainDays: 1 });
  const rooms = Array.from({ length: 250 }, (_, index) => `room ${index}`);
  await broker.publish(rooms.map((room) => draft("x", { room })));
  now += 2 * DAY_MS;
  for (let i = 0; i < 3; i++) await broker.prune();
  for (const room of rooms) assertEquals(await textsOf(broker, room), []);
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
    assertEquals(broker.place, "memory");
    await broker.publish([draft("a")]);
    assertEquals(await textsOf(broker), ["a"]);
  }
  await using broker = await at.open({ path: ":memory:" });
  assertEquals(await textsOf(broker), []);
  await assertRejects(() => Deno.stat(at.file), Deno.errors.NotFound);
});
