/**
 * What the runtime does with SQLite, TypeScript and the turns of its loop, as of Deno 2.9.6, where the
 * server relies on it. A failure here after an upgrade is news, not a fault of the server's: read the
 * file that the comment names, and then the runtime's notes.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";

// --- node:sqlite --------------------------------------------------------------------------------

/** A database where a row of `child` is refused only when it is committed. */
function deferring(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec(`PRAGMA foreign_keys = ON;
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`);
  return database;
}

const INSERT = "INSERT INTO child VALUES (1)";
const RETURNING = `${INSERT} RETURNING id`;

/** Ways to carry out an INSERT with RETURNING that say nothing when the commit fails. */
const SILENT: readonly (readonly [how: string, insert: (database: DatabaseSync) => unknown])[] = [
  ["get", (database) => database.prepare(RETURNING).get()],
  ["iterate", (database) => [...database.prepare(RETURNING).iterate()]],
  ["run", (database) => database.prepare(RETURNING).run()],
];

for (const [how, insert] of SILENT) {
  // broker/sqlite/statements.ts: no RETURNING anywhere.
  Deno.test(`Deno: INSERT … RETURNING through ${how}() hides an error at commit`, () => {
    using database = deferring();
    insert(database);
    assertEquals(database.prepare("SELECT id FROM child").all(), []);
  });
}

// broker/sqlite/statements.ts: what is committed is committed, or it throws.
Deno.test("Deno: a plain run() and an explicit COMMIT throw an error at commit", () => {
  using database = deferring();
  assertThrows(() => database.prepare(INSERT).run(), Error, "FOREIGN KEY");
  database.exec("BEGIN IMMEDIATE");
  database.prepare(INSERT).run();
  assertThrows(() => database.prepare("COMMIT").run(), Error, "FOREIGN KEY");
  assert(database.isTransaction, "which is then still open");
});

// broker/sqlite/statements.ts: looks at isTransaction before it rolls back, so that the reason is kept.
Deno.test("Deno: a full database rolls the transaction back by itself", () => {
  using database = new DatabaseSync(":memory:");
  database.exec("PRAGMA max_page_count = 10; CREATE TABLE t (x); BEGIN IMMEDIATE");
  const insert = database.prepare("INSERT INTO t VALUES (?)");
  assertThrows(
    () => {
      for (;;) insert.run("x".repeat(3000));
    },
    Error,
    "full",
  );
  assert(!database.isTransaction);
  assertThrows(() => database.exec("ROLLBACK"), Error, "no transaction");
});

/** What is bound, and what comes back. */
const ROUND_TRIPS: readonly (readonly [what: string, bound: string | number, back: unknown])[] = [
  ["text is cut at NUL", "a\0b", "a"],
  ["a lone surrogate becomes U+FFFD", "a\ud800b", "a\ufffdb"],
  ["NaN becomes NULL", NaN, null],
  ["astral characters stay", "😀", "😀"],
];

for (const [what, bound, back] of ROUND_TRIPS) {
  // protocol.ts (TEXT, isStorable): none of these is let in, or live and replayed text would differ.
  Deno.test(`Deno: through node:sqlite ${what}`, () => {
    using database = new DatabaseSync(":memory:");
    assertEquals(database.prepare("SELECT ? AS x").get(bound)?.x, back);
  });
}

// broker/sqlite/database_file.ts: what another process has is refused at once, by "locked" in the message.
Deno.test("Deno: busy_timeout is 0, and a locked database is said to be locked", async () => {
  const path = await Deno.makeTempFile();
  using holder = new DatabaseSync(path);
  holder.exec("BEGIN EXCLUSIVE");
  using other = new DatabaseSync(path);
  assertEquals(other.prepare("PRAGMA busy_timeout").get()?.timeout, 0);
  assertThrows(() => other.exec("BEGIN EXCLUSIVE"), Error, "locked");
  await Deno.remove(path);
});

// --- TypeScript -----------------------------------------------------------------------------------

// http/static_files.ts: what a browser reports is found in the source at the same place.
Deno.test("Deno: stripping types keeps every line and column", () => {
  const typed = "const a: number = 1;\ninterface B {\n  c: string;\n}\nexport { a };\n";
  const plain = stripTypeScriptTypes(typed);
  assertEquals(plain.length, typed.length);
  for (const word of ["const", "= 1", "export"]) {
    assertEquals(plain.indexOf(word), typed.indexOf(word));
  }
  assert(!plain.includes("number") && !plain.includes("interface"));
});

// static/*.ts and deno.json's erasableSyntaxOnly: an enum would stop the server at its start.
Deno.test("Deno: stripping types refuses what is more than a type", () => {
  assertThrows(() => stripTypeScriptTypes("enum A { B }"), Error);
});

// --- the loop -------------------------------------------------------------------------------------

// rooms/hub.ts: the tick comes after all that one turn brought, and without a timer's millisecond.
Deno.test("Deno: setImmediate runs after the microtasks of a turn", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(() => {
    order.push("immediate");
    resolve();
  });
  queueMicrotask(() => {
    order.push("microtask");
    queueMicrotask(() => order.push("its microtask"));
  });
  await promise;
  assertEquals(order, ["microtask", "its microtask", "immediate"]);
});
