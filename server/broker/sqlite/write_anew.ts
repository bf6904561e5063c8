/**
 * `writeAnew` writes all tables of a database anew, so that no unused space of its pages holds a text that was
 * deleted. `VACUUM` would do it, but it fails with "too many attached databases": SQLite attaches a file for
 * it, and Deno lets only a process attach one that has every permission (`-A`). Servers do not have it.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";

/**
 * Opens each database as Deno opens it without `-A`, so that a test, which has `-A`, meets what a server
 * meets. (The types do not know `limits` yet; the other value is the default, and is there for them.)
 */
export const WITHOUT_ATTACH = { enableForeignKeyConstraints: true, limits: { attach: 0 } };

/** Does it in one transaction. Each table goes through a temporary one, in the order of its key. */
export function writeAnew(database: DatabaseSync): void {
  const tables = database.prepare(
    "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  ).all();
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const { name } of tables) {
      const table = `main."${name}"`;
      database.exec(`CREATE TEMP TABLE anew AS SELECT * FROM ${table}`);
      database.exec(`DELETE FROM ${table}`); // its pages are overwritten (`secure_delete`), then used again
      database.exec(`INSERT INTO ${table} SELECT * FROM temp.anew`);
      database.exec("DROP TABLE temp.anew");
    }
    // Its free pages go back to the file system. It answers with a row for each, and `exec` stops at the first.
    database.prepare("PRAGMA main.incremental_vacuum").all();
    database.exec("COMMIT");
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}
