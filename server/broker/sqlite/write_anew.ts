/**
 * `rewriteTables` and `copyTables` write all rows of a database anew, so that the unused space of its pages
 * holds nothing that was deleted. `VACUUM` and `VACUUM INTO` would do the same, but fail with "too many
 * attached databases": they attach one, which Deno allows only to a program that may do everything.
 * tests/permissions_test.ts notices.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { pragma } from "./statements.ts";

/** A table, an index or a view, and the statement that creates it. */
interface Part {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string;
}

/**
 * Writes each table anew within the open database, in one transaction. What the rows had taken is free then.
 * With `secure_delete` it is overwritten.
 */
export function rewriteTables(database: DatabaseSync): void {
  const parts = partsOf(database);
  // Otherwise a table of which a view reads could not be renamed.
  database.exec("PRAGMA legacy_alter_table = ON");
  try {
    database.exec("BEGIN IMMEDIATE");
    for (const { name, sql } of parts.filter(isTable)) {
      database.exec(`ALTER TABLE ${name} RENAME TO ${name}_before`);
      database.exec(sql);
      database.exec(`INSERT INTO ${name} SELECT * FROM ${name}_before; DROP TABLE ${name}_before`);
      const indexes = parts.filter(({ type, table }) => type === "index" && table === name);
      for (const index of indexes) database.exec(index.sql);
    }
    database.exec("COMMIT");
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  } finally {
    database.exec("PRAGMA legacy_alter_table = OFF");
  }
}

/** Copies all rows into an empty database, in one transaction. */
export function copyTables(from: DatabaseSync, to: DatabaseSync): void {
  to.exec("PRAGMA auto_vacuum = INCREMENTAL");
  for (const name of ["application_id", "user_version"]) {
    to.exec(`PRAGMA ${name} = ${pragma(from, name)}`);
  }
  to.exec("BEGIN");
  const parts = partsOf(from);
  for (const { name, sql } of parts.filter(isTable)) {
    to.exec(sql);
    const all = from.prepare(`SELECT * FROM ${name}`);
    all.setReadBigInts(true);
    const insert = to.prepare(`INSERT INTO ${name} VALUES (${all.columns().map(() => "?")})`);
    for (const row of all.iterate()) insert.run(...Object.values(row));
  }
  for (const part of parts) if (!isTable(part)) to.exec(part.sql);
  to.exec("COMMIT");
}

function isTable({ type }: Part): boolean {
  return type === "table";
}

/** Returns what somebody has created, in that order. SQLite makes the rest itself. */
function partsOf(database: DatabaseSync): readonly Part[] {
  const all = database.prepare(
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid",
  ).all();
  return all.map(({ type, name, tbl_name, sql }) => ({
    type: String(type),
    name: String(name),
    table: String(tbl_name),
    sql: String(sql),
  }));
}
