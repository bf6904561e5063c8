/**
 * The tables of the database file: how a new file gets them, how an older one is brought up to date,
 * and the row that each start leaves.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";

/** "Prly", in the header of every file of ours. */
export const APPLICATION_ID = 0x50726c79;
export const SCHEMA_VERSION = 3;
/** Older versions that {@linkcode migrate} brings up to date. */
export const OLDEST_VERSION = 2;

/** Starts whose cursors can still be recovered. */
const MAX_STARTS = 1000;

const STARTS = `
  CREATE TABLE starts (
    id INTEGER PRIMARY KEY,
    mark TEXT NOT NULL,               -- cursors carry it
    batches INTEGER NOT NULL          -- the highest id that a batch had before this start
  ) STRICT;
`;

const SCHEMA = `
  CREATE TABLE log (
    epoch TEXT NOT NULL,
    secret BLOB NOT NULL,
    era INTEGER NOT NULL DEFAULT 0    -- grows when rooms are forgotten
  ) STRICT;
  CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,  -- kept when the newest message is pruned by age
    era INTEGER NOT NULL DEFAULT 0,   -- when the room's log began
    size INTEGER NOT NULL DEFAULT 0   -- about how much text it holds; 0 where nobody knows
  ) STRICT;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,           -- in the order of writing
    place INTEGER NOT NULL UNIQUE,    -- room << 32 | seq of the first event
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    refs BLOB,                        -- 8 bytes an event: the hash of its ref; before the long text,
    events TEXT NOT NULL              -- a JSON array, as it was sent
  ) STRICT;
  ${STARTS}
`;

/**
 * Version 2 had none of these. Columns that are added stand last: slower to read, and correct. Such a
 * file uses again what is freed, but stays as large as it was, until somebody stops the server and runs
 * `PRAGMA auto_vacuum = INCREMENTAL; VACUUM`.
 */
const FROM_VERSION_2 = `
  ALTER TABLE log ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rooms ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rooms ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE batches ADD COLUMN refs BLOB;
  ${STARTS}
  -- Cursors from then carry no mark.
  INSERT INTO starts (mark, batches) VALUES ('', 0);
`;

/** Makes the tables, within the caller's transaction. */
export function create(database: DatabaseSync): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec(SCHEMA);
  database.prepare("INSERT INTO log (epoch, secret) VALUES (?, ?)")
    .run(randomBytes(9).toString("base64url"), randomBytes(32));
}

/** Brings the tables up to date, in one transaction; the messages stay where they are. */
export function migrate(database: DatabaseSync): void {
  if (database.prepare("PRAGMA user_version").get()?.user_version === SCHEMA_VERSION) return;
  database.exec(
    `BEGIN IMMEDIATE; ${FROM_VERSION_2} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`,
  );
}

/**
 * Adds the row of a start, durable when this returns. It must be in the file before the first cursor
 * that carries its mark is given to a client.
 *
 * @returns the mark, and the highest id that a batch may have had before.
 */
export function addStart(database: DatabaseSync): { mark: string; batches: number } {
  const mark = randomBytes(6).toString("base64url");
  const row = database.prepare(
    `SELECT max((SELECT coalesce(max(id), 0) FROM batches),
       (SELECT coalesce(max(batches), 0) FROM starts)) AS batches`,
  ).get();
  const batches = Number(row?.batches);
  database.exec("BEGIN IMMEDIATE");
  database.prepare("INSERT INTO starts (mark, batches) VALUES (?, ?)").run(mark, batches);
  database.exec(`DELETE FROM starts WHERE id <= (SELECT max(id) FROM starts) - ${MAX_STARTS}`);
  database.exec("COMMIT");
  return { mark, batches };
}
