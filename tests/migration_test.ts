/**
 * A database of every schema so far is brought up to date, in one transaction; the old file is kept beside it.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../server/broker/broker.ts";
import { SCHEMA_VERSION, stepsFrom } from "../server/broker/sqlite/schema.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { react } from "./support/revision_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";

const VERSIONS: readonly (readonly [version: number, make: (at: Directory) => void])[] = [
  [1, (at) => at.makeVersion1(true)],
  [1, (at) => at.makeVersion1(false)],
  [2, (at) => at.makeVersion2()],
  [3, (at) => at.makeVersion3()],
  [4, (at) => at.makeVersion4()],
  [5, (at) => at.makeVersion5()],
];

/** The definitions of all tables, their columns in the order of their names. */
function shapeOf(file: string): string[] {
  using database = new DatabaseSync(file);
  return database.prepare(
    `SELECT m.type || ' ' || m.name || ' ' || coalesce((SELECT group_concat(name || ' ' || type, ', ')
       FROM (SELECT name, type FROM pragma_table_info(m.name) ORDER BY name)), '') AS shape
     FROM sqlite_schema AS m WHERE m.name NOT LIKE 'sqlite_%' ORDER BY m.name`,
  ).all().map(({ shape }) => String(shape));
}

async function freshShape(): Promise<string[]> {
  await using at = new Directory();
  await (await at.open())[Symbol.asyncDispose]();
  return shapeOf(at.file);
}

async function namesIn(at: Directory): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(at.path));
  return entries.map(({ name }) => name).toSorted();
}

/** Checks a file that was migrated, and uses it. */
async function checkMigrated(at: Directory): Promise<void> {
  {
    await using broker = await at.open();
    assertEquals(await textsOf(broker), ["old"]);
    const [again, , revised] = await broker.publish([
      draft("old", { ref: "r" }),
      draft("new", { receipt: true }),
      react(1, "y"),
    ]);
    assertEquals([again?.repeated, revised?.refusal], [true, undefined]);
    await broker.publish([draft("elsewhere", { room: "other" })]);
    await broker.eraser.room("other");
    assertEquals(await textsOf(broker), ["old", "new"]);
  }
  assertEquals(shapeOf(at.file), await freshShape());
  await using broker = await at.open();
  assertEquals(await textsOf(broker), ["old", "new"]);
}

for (const [index, [version, make]] of VERSIONS.entries()) {
  Deno.test(`sqlite: file ${index + 1}, of version ${version}, is migrated and kept`, async () => {
    await using at = new Directory();
    make(at);
    const before = at.bytes();
    await checkMigrated(at);
    assertEquals(await namesIn(at), ["parley.db", `parley.db.v${version}`]);
    assertEquals(await Deno.readFile(`${at.file}.v${version}`), before);
    assertEquals((await Deno.stat(`${at.file}.v${version}`)).mode ?? 0 & 0o77, 0o100600);
  });
}

Deno.test("sqlite: a migration that was cut off by SIGKILL starts again from the old file", async () => {
  for (const [version, make] of VERSIONS) {
    await using at = new Directory();
    make(at);
    // All steps are made, and written to the files; only the end of the transaction is missing.
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-lock", "--allow-read", "--allow-write", "-", at.file],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const using = new DatabaseSync(at.file, { readOnly: true });
    const steps = stepsFrom(using, version);
    using.close();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(`
      import { DatabaseSync } from "node:sqlite";
      const database = new DatabaseSync(Deno.args[0]);
      database.exec("PRAGMA journal_mode = WAL; PRAGMA cache_size = 1; PRAGMA cache_spill = 1");
      database.exec("BEGIN IMMEDIATE");
      database.exec(${JSON.stringify(steps)});
      database.exec("PRAGMA user_version = ${SCHEMA_VERSION}");
      console.log("ready");
      setInterval(() => database, 1000);
    `));
    await input.close();
    const output = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await output.read()).value), "ready\n");
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    await Deno.writeTextFile(`${at.file}.v${version}.new`, "half of the copy"); // cut off before
    await checkMigrated(at);
    assert((await namesIn(at)).includes(`parley.db.v${version}`));
  }
});

Deno.test("sqlite: where the old file cannot be kept, nothing is migrated", async () => {
  await using at = new Directory();
  at.makeVersion5();
  const before = at.bytes();
  await Deno.mkdir(`${at.file}.v5`);
  const { message } = await assertRejects(() => at.open(), BrokerError, "It was left as it is");
  assert(!message.includes("\n") && message.includes(`${at.file}.v5`), message);
  assertEquals(at.bytes(), before);
  await Deno.remove(`${at.file}.v5`);
  await checkMigrated(at);
});

Deno.test("sqlite: the log says that a file was kept", async () => {
  await using at = new Directory();
  at.makeVersion4();
  const lines: string[] = [];
  const info = (event: string) => void lines.push(event);
  await using broker = await at.open({}, { info, warn: info, error: info });
  assertEquals(lines, ["database kept before its migration"]);
  assertEquals(await textsOf(broker), ["old"]);
});
