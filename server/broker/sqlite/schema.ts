/**
 * The tables of the database file. A new file gets them, an older file is migrated, and each start
 * adds a row.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { pragma } from "./statements.ts";

/** "Prly", in the header of every Parley database. */
export const APPLICATION_ID = 0x50726c79;
export const SCHEMA_VERSION = 6;
/** The oldest version that {@linkcode migrate} can read. */
export const OLDEST_VERSION = 1;

/** Starts that are kept. Cursors from before them cannot be resumed. */
const MAX_STARTS = 1000;

const STARTS = `
  CREATE TABLE starts (
    id INTEGER PRIMARY KEY,
    mark TEXT NOT NULL,               -- carried by cursors
    batches INTEGER NOT NULL          -- the highest batches.id before this start
  ) STRICT;
`;

const WEBHOOK = `
  CREATE TABLE webhook (              -- one row, once there was a webhook
    id INTEGER NOT NULL,              -- the highest batches.id that its receiver took
    at INTEGER NOT NULL               -- the batches.at of that row
  ) STRICT;
`;

const REVISIONS = `
  ALTER TABLE log ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;   -- the highest revisions.id ever
  ALTER TABLE rooms ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;      -- the room's newest revision
  ALTER TABLE webhook ADD COLUMN revision INTEGER NOT NULL DEFAULT 0; -- the highest that was taken
  CREATE TABLE revisions (            -- one row for each message that was revised
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,             -- its newest revision
    id INTEGER NOT NULL UNIQUE,       -- grows with each revision in any room
    row INTEGER NOT NULL,             -- the highest batches.id at that time
    PRIMARY KEY (room, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX revisions_by_rev ON revisions (room, rev);
  CREATE TABLE revision_starts (      -- a room's rev before its first revision in a start
    room INTEGER NOT NULL,
    start INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (room, start)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE reactions (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    user TEXT NOT NULL,
    reaction TEXT NOT NULL,
    PRIMARY KEY (room, seq, user, reaction)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reactions_by_user ON reactions (room, user, seq);
`;

const MARKS = `
  CREATE TABLE IF NOT EXISTS marks ( -- how far each user has seen each room
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    log TEXT NOT NULL,                -- the digest of the room's log
    seq INTEGER NOT NULL,
    changed INTEGER NOT NULL,         -- grows with each change
    guest INTEGER NOT NULL,           -- 1 if the user is a guest
    PRIMARY KEY (user, room)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS guest_marks ON marks (changed) WHERE guest = 1;
`;

const CUTS = `
  ALTER TABLE rooms ADD COLUMN cut INTEGER NOT NULL DEFAULT 0; -- log.era when messages were erased
  -- One row a message, for people: the batches hold several messages each.
  CREATE VIEW messages AS SELECT
    rooms.name AS room,
    (batches.place & 0xffffffff) + event.key AS seq,
    datetime(batches.at / 1000, 'unixepoch') AS time,
    event.value ->> '$.from.id' AS user,
    event.value ->> '$.from.name' AS name,
    event.value ->> '$.type' AS type,
    event.value ->> '$.payload' AS text,
    batches.at AS at
  FROM batches
  JOIN rooms ON rooms.id = batches.place >> 32
  JOIN json_each(batches.events) AS event;
`;

const STATE = `
  CREATE TABLE retained (
    id INTEGER PRIMARY KEY,           -- grows with each change
    room TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,            -- bytes of the name and the event; before the long text
    event TEXT NOT NULL,              -- as members get it
    UNIQUE (room, name)
  ) STRICT;
  CREATE TABLE sanctions (
    kind TEXT NOT NULL,               -- ban or mute
    room TEXT NOT NULL,
    subject TEXT NOT NULL,            -- a user or a group of addresses
    until INTEGER,                    -- NULL: for good
    guest TEXT,                       -- of an address: the guest who was banned
    PRIMARY KEY (kind, room, subject)
  ) STRICT, WITHOUT ROWID;
`;

const SCHEMA = `
  CREATE TABLE log (
    epoch TEXT NOT NULL,
    secret BLOB NOT NULL,
    era INTEGER NOT NULL DEFAULT 0,   -- grows when rooms are removed
    last INTEGER NOT NULL DEFAULT 0   -- the highest batches.id before rows were last pruned
  ) STRICT;
  CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,  -- saved when the newest message is pruned
    era INTEGER NOT NULL DEFAULT 0,   -- log.era when the room was added
    size INTEGER NOT NULL DEFAULT 0   -- about how many characters; 0 if unknown
  ) STRICT;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,           -- grows with each row
    place INTEGER NOT NULL UNIQUE,    -- room << 32 | seq of the first event
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    refs BLOB,                        -- the hash of each ref: 8 bytes per event; before the long text
    events TEXT NOT NULL              -- a JSON array, as members get it
  ) STRICT;
  ${STARTS}
  ${WEBHOOK}
  ${STATE}
  ${MARKS}
  ${REVISIONS}
  ${CUTS}
`;

/** Version 1 had no order of writing. Its rows are rewritten, room by room at each time. */
const fromVersion1 = (place: string) => `
  ALTER TABLE batches RENAME TO batches_1;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL UNIQUE,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    events TEXT NOT NULL
  ) STRICT;
  INSERT INTO batches (place, count, at, events)
    SELECT ${place}, count, at, events FROM batches_1 ORDER BY at, ${place};
  DROP TABLE batches_1;
`;

/**
 * Version 2 had none of these. Added columns come last: that is slower to read, but correct. A migrated
 * file reuses freed space but never shrinks, unless an operator stops the server and runs
 * `PRAGMA auto_vacuum = INCREMENTAL; VACUUM`.
 */
const FROM_VERSION_2 = `
  ALTER TABLE log ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rooms ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rooms ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE batches ADD COLUMN refs BLOB;
  ${STARTS}
  -- Cursors of version 2 carry no mark.
  INSERT INTO starts (mark, batches) VALUES ('', 0);
`;

/** Version 3 had none of these. */
const FROM_VERSION_3 = `
  ALTER TABLE log ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
  ${WEBHOOK}
  ${STATE}
`;

/** Version 4 had no revisions, and at first no marks. */
const FROM_VERSION_4 = MARKS + REVISIONS;

/** Version 5 had no cuts, and no view for people. */
const FROM_VERSION_5 = CUTS;

/** Creates the tables, within the caller's transaction. */
export function create(database: DatabaseSync): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec(SCHEMA);
  database.prepare("INSERT INTO log (epoch, secret) VALUES (?, ?)")
    .run(randomBytes(9).toString("base64url"), randomBytes(32));
}

/** Migrates an older file in one transaction. Only version 1 needs its messages rewritten. */
export function migrate(database: DatabaseSync): void {
  const version = Number(pragma(database, "user_version"));
  if (version === SCHEMA_VERSION) return;
  database.exec("BEGIN IMMEDIATE");
  database.exec(stepsFrom(database, version));
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

/** Returns the statements that bring a file up to date. */
export function stepsFrom(database: DatabaseSync, version: number): string {
  return [
    version < 2 ? fromVersion1(placeInVersion1(database)) : "",
    version < 3 ? FROM_VERSION_2 : "",
    version < 4 ? FROM_VERSION_3 : "",
    version < 5 ? FROM_VERSION_4 : "",
    FROM_VERSION_5,
  ].join("");
}

/** The first files of version 1 had the room and the `seq` in columns of their own. */
function placeInVersion1(database: DatabaseSync): string {
  const columns = database.prepare("SELECT name FROM pragma_table_info('batches')").all();
  return columns.some(({ name }) => name === "first") ? "(room << 32 | first)" : "id";
}

/**
 * Adds the row of a start, durable when this returns. The row must be in the file before a client gets
 * the first cursor with its mark.
 *
 * @returns the mark, and the highest id that a row may have had before.
 */
export function addStart(database: DatabaseSync): { mark: string; lastRowId: number } {
  const mark = randomBytes(6).toString("base64url");
  const row = database.prepare(
    `SELECT max((SELECT coalesce(max(id), 0) FROM batches),
       (SELECT coalesce(max(batches), 0) FROM starts), (SELECT last FROM log)) AS id`,
  ).get();
  const lastRowId = Number(row?.id);
  database.exec("BEGIN IMMEDIATE");
  database.prepare("INSERT INTO starts (mark, batches) VALUES (?, ?)").run(mark, lastRowId);
  database.exec(`DELETE FROM starts WHERE id <= (SELECT max(id) FROM starts) - ${MAX_STARTS}`);
  database.exec("DELETE FROM revision_starts WHERE start < (SELECT min(id) FROM starts)");
  database.exec("COMMIT");
  return { mark, lastRowId };
}
