/**
 * The file of the SQLite broker: what is refused, in one line, and left as it was.
 *
 * @module
 */
import { BrokerError } from "../server/broker/broker.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { edit, react } from "./support/revision_suite.ts";
import { retain, retained } from "./support/state_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";

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
      at.makeVersion2();
      at.sql("PRAGMA user_version = 99");
    }, /version 99/],
    ["a damaged one", (at) => {
      at.makeVersion2();
      const bytes = at.bytes();
      bytes.fill(0x55, 4096, bytes.length);
      at.write(bytes);
    }, /damaged/],
    ["half of one", (at) => {
      at.makeVersion2();
      at.write(at.bytes().subarray(0, 4096));
    }, /damaged/],
    ["ours without its tables", (at) => {
      at.makeVersion2();
      at.sql("DROP TABLE log");
    }, /no such table|damaged/],
    ["ours without its first row", (at) => {
      at.makeVersion2();
      at.sql("DELETE FROM log");
    }, /without its first row/],
  ];

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

for (const version of [2, 3, 4] as const) {
  Deno.test(`sqlite: a database of version ${version} is brought up to date, with all its messages`, async () => {
    await using at = new Directory();
    at[`makeVersion${version}`]();
    for (let start = 0; start < 2; start++) {
      await using broker = await at.open();
      assertEquals(await textsOf(broker), ["old"]);
      const { epoch, head } = await broker.open("lobby");
      assertEquals([epoch, head], ["epoch", 1]);
      if (start === 0) await retain(broker, "topic", "new");
      assertEquals(await retained(broker), "[topic=new]");
      if (version > 2) assertEquals(await broker.canResume("lobby", "first", 0), true);
      await broker.publish([edit(1, "old"), react(1, `start-${start}`)]);
      assertEquals((await broker.state("lobby")).rev, start + 1);
    }
  });
}

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

for (const from of ["a backup", "a copy of a file that was closed"]) {
  Deno.test(`sqlite: ${from}, beside another database's write-ahead log, is refused`, async () => {
    await using at = new Directory();
    {
      await using broker = await at.open();
      await broker.publish([draft("early")]);
    }
    let put: Uint8Array = at.bytes();
    let log: Uint8Array<ArrayBuffer>;
    {
      await using broker = await at.open();
      if (from === "a backup") {
        using made = await broker.backups?.make();
        assert(made !== undefined);
        const piece = await made.next();
        assert(piece?.length === made.bytes); // it is small, so that is all of it
        put = piece.slice();
      }
      await broker.publish([draft("late")]);
      log = await Deno.readFile(`${at.file}-wal`); // as a server leaves it that is killed now
    }
    at.write(put);
    await Deno.writeFile(`${at.file}-wal`, log);
    const { message } = await assertRejects(() => at.open(), BrokerError);
    assertMatch(message, /parley\.db-wal belongs to another database, which .*parley\.db was put/);
    assertEquals([at.bytes(), await Deno.readFile(`${at.file}-wal`)], [put, log]);
    await Deno.remove(`${at.file}-wal`);
    await using broker = await at.open();
    assertEquals(await textsOf(broker), ["early"]);
  });
}

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
  at.makeVersion2();
  await Deno.chmod(at.file, 0o400);
  await assertRejects(() => at.open(), BrokerError, at.file);
});

Deno.test("sqlite: a new file can be read by its owner only", async () => {
  await using at = new Directory();
  await using _broker = await at.open();
  assertEquals(((await Deno.stat(at.file)).mode ?? 0) & 0o777, 0o600);
});

/** What another process is told that opens the file; it ends with it. */
async function openElsewhere(path: string, before = ""): Promise<string> {
  const broker = JSON.stringify(import.meta.resolve("../server/broker/sqlite/sqlite_broker.ts"));
  const script = `
    import { SqliteBroker } from ${broker};
    ${before}
    try {
      await SqliteBroker.open({ path: Deno.args[0], retainMessages: 0, retainDays: 0, dedupeMessages: 1 });
      console.log("opened");
    } catch (thrown) {
      console.log(thrown.name + ": " + thrown.message);
    }
    Deno.exit();`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", script, path],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("sqlite: a second process on the same file is refused, also on its symbolic link", async () => {
  await using at = new Directory();
  await using broker = await at.open();
  await broker.publish([draft("mine")]);
  await Deno.symlink(at.file, `${at.path}/link.db`);
  for (const path of [at.file, `${at.path}/link.db`]) {
    const refusal = `BrokerError: The database ${path} is in use by another process.`;
    assertEquals(await openElsewhere(path), refusal);
  }
  await broker.publish([draft("still mine")]);
  assertEquals(await textsOf(broker), ["mine", "still mine"]);
});

Deno.test("sqlite: the same file opened twice in one process is refused, and stays locked", async () => {
  await using at = new Directory();
  {
    await using _broker = await at.open();
    await assertRejects(() => at.open(), BrokerError, "in use");
    assertMatch(await openElsewhere(at.file), /in use by another process/);
  }
  await using _again = await at.open();
});

Deno.test("sqlite: a file that was left half made by a killed process can be opened", async () => {
  await using at = new Directory();
  // The system kills it when it writes the second page.
  const limit = 'new Deno.Command("prlimit", {args: ["--pid", `${Deno.pid}`, "--fsize=4096"]})';
  assertEquals(await openElsewhere(at.file, `${limit}.outputSync();`), "");
  assertEquals(at.bytes().length, 4096);
  await using broker = await at.open();
  await broker.publish([draft("a")]);
  assertEquals(await textsOf(broker), ["a"]);
});

/** What would be found if the process were killed now. */
async function afterKill(at: Directory): Promise<string[]> {
  await using copy = new Directory();
  await Deno.copyFile(at.file, copy.file);
  await Deno.copyFile(`${at.file}-wal`, `${copy.file}-wal`);
  await using broker = await copy.open();
  return await textsOf(broker);
}

Deno.test("sqlite: a write-ahead log that is deleted underfoot is begun anew, and nothing is lost", async () => {
  await using at = new Directory();
  await using broker = await at.open();
  await broker.publish([draft("a")]);
  await Deno.remove(`${at.file}-wal`);
  await broker.publish([draft("b")]);
  assertEquals(await afterKill(at), ["a", "b"]);
  await Deno.remove(`${at.file}-wal`);
  broker.prune(); // which comes round though nobody says anything
  assertEquals(await afterKill(at), ["a", "b"]);
  await broker.publish([draft("c")]);
  assertEquals(await afterKill(at), ["a", "b", "c"]);
});

Deno.test("sqlite: publish() rejects while the write-ahead log is another file", async () => {
  await using at = new Directory();
  await using broker = await at.open();
  await broker.publish([draft("a")]);
  await Deno.rename(`${at.file}-wal`, `${at.path}/aside`);
  await Deno.writeTextFile(`${at.file}-wal`, "something else");
  await assertRejects(() => broker.publish([draft("b")]), BrokerError, "-wal was replaced");
  await Deno.rename(`${at.path}/aside`, `${at.file}-wal`);
  await broker.publish([draft("b")]);
  assertEquals(await afterKill(at), ["a", "b"]);
});

Deno.test("sqlite: a path that is a symbolic link works as the file itself does", async () => {
  await using at = new Directory();
  const link = `${at.path}/b/p.db`;
  await Deno.mkdir(`${at.path}/b`);
  await Deno.symlink(at.file, link); // dangling at first
  for (const texts of [["a"], ["a", "b"]]) {
    await using broker = await at.open({ path: link });
    await broker.publish([draft(texts.at(-1) ?? "")]);
    broker.prune();
    assertEquals(await textsOf(broker), texts);
    assertEquals(await afterKill(at), texts);
    await assertRejects(() => at.open(), BrokerError, "in use by this process");
    await Deno.remove(`${at.file}-wal`);
    await broker.publish([draft("x", { room: "other" })]);
  }
  assertEquals((await Array.fromAsync(Deno.readDir(`${at.path}/b`))).length, 1);
  await using broker = await at.open();
  assertEquals(await textsOf(broker), ["a", "b"]);
});

Deno.test("sqlite: a symbolic link into no folder is refused in one line", async () => {
  await using at = new Directory();
  const link = `${at.path}/link.db`;
  await Deno.symlink(`${at.path}/no/such/parley.db`, link);
  const { message } = await assertRejects(() => at.open({ path: link }), BrokerError, link);
  assert(!message.includes("\n"));
});

for (const size of [0, 4096, 20_000]) {
  for (const suffix of ["", "-wal"]) {
    const what = suffix === "" ? "database" : "write-ahead log";

    Deno.test(`sqlite: publish() rejects when the ${what} was truncated to ${size} bytes`, async () => {
      await using at = new Directory();
      {
        await using broker = await at.open();
        for (let i = 0; i < 50; i++) await broker.publish([draft("x".repeat(3000))]);
      }
      const broker = await at.open();
      for (let i = 0; i < 50; i++) await broker.publish([draft("y".repeat(3000))]);
      await Deno.truncate(at.file + suffix, size);
      for (let i = 0; i < 3; i++) {
        await assertRejects(() => broker.publish([draft("z")]), BrokerError, "was truncated");
      }
      await broker[Symbol.asyncDispose]();
    });
  }
}

Deno.test("sqlite: publish() rejects when a smaller file was copied over the database", async () => {
  await using at = new Directory();
  await using other = new Directory();
  await (await other.open())[Symbol.asyncDispose]();
  {
    await using broker = await at.open();
    for (let i = 0; i < 50; i++) await broker.publish([draft("x".repeat(3000))]);
  }
  await using broker = await at.open();
  await Deno.copyFile(other.file, at.file); // the same file, with other bytes in it
  await assertRejects(() => broker.publish([draft("z")]), BrokerError, "was truncated");
});
