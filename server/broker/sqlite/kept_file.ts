/**
 * `keepOldFile` copies a database of an older schema before it is migrated, so that the older program can be
 * run again. The copy is beside the file and named by its version: `parley.db.v5`.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Log } from "../../log.ts";
import { BrokerError } from "../broker_error.ts";
import { copyBytes } from "./copy_bytes.ts";
import { inspect } from "./database_file.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { pragma } from "./statements.ts";
import { WITHOUT_ATTACH } from "./write_anew.ts";

/** How often the log says how far it is. */
const PROGRESS_MS = 2000;

/**
 * Copies the file if it has an older schema. Nothing is copied from a file that cannot be used: whoever opens
 * it is told why.
 *
 * @throws {BrokerError} with one line, if it cannot be copied.
 */
export async function keepOldFile(path: string, log: Log): Promise<void> {
  const { size, version } = inspect(path);
  if (size === 0 || version === SCHEMA_VERSION) return;
  const realPath = await Deno.realPath(path);
  const database = openLocked(realPath);
  if (database === undefined) return;
  const kept = `${realPath}.v${version}`;
  try {
    await copy(realPath, kept, log);
    log.info("database kept before its migration", { file: kept, from: version });
  } catch (thrown) {
    await Deno.remove(`${kept}.new`).catch(() => {});
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new BrokerError(
      `Cannot keep ${path} as ${kept} before it is migrated: ${why}. It was left as it is.`,
    );
  } finally {
    database.close();
  }
}

/** Opens a sound database, takes its write-ahead log into it, and keeps others away. */
function openLocked(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, WITHOUT_ATTACH);
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    const row = database.prepare("SELECT secret FROM log").get();
    if (row !== undefined && pragma(database, "journal_mode = DELETE") === "delete") {
      return database;
    }
  } catch {
    // It is in use or damaged.
  }
  database?.close();
  return undefined;
}

/** Copies the file, so that under its name there is the whole copy or none. */
async function copy(path: string, kept: string, log: Log): Promise<void> {
  // Closing it gives up the lock, so it is closed when the copy is complete.
  using file = await Deno.open(path, { read: true });
  const { size } = await Deno.stat(path);
  let toldAt = performance.now();
  await copyBytes(file, `${kept}.new`, size, (copied) => {
    if (performance.now() - toldAt < PROGRESS_MS) return;
    toldAt = performance.now();
    log.info("database is being kept", { percent: Math.floor(100 * copied / size) });
  });
  await Deno.rename(`${kept}.new`, kept);
}
