/**
 * Opening the database file, or refusing it in one line: whose it is, whether it is sound, whether
 * somebody else has it. A file that is not ours is looked at and left as it was.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { BrokerError } from "./broker.ts";

/** An open database and what is kept in it once. */
export interface Stored {
  readonly database: DatabaseSync;
  readonly epoch: string;
  readonly secret: Uint8Array;
  /**
   * To be called before each commit, which would else reach nobody. A write-ahead log that was removed
   * is begun anew, and what was in it saved.
   *
   * @throws {BrokerError} if the file was removed or replaced, or its write-ahead log was replaced.
   */
  mustStillBeThere(): void;
  close(): void;
}

/** "Prly", in the header of every file of ours. */
const APPLICATION_ID = 0x50726c79;
const SCHEMA_VERSION = 2;
/** A file up to this size is checked whole at start, at about 1 ms a megabyte. */
const CHECKED_BYTES = 256 << 20;

/**
 * How far the write-ahead log grows before it is folded into the file. Four times SQLite's default:
 * a busy room writes the same few hundred pages again and again, and each is then copied once instead
 * of four times. It is 16 MB of disk; when all pages differ, folding takes about 20 ms.
 */
const WAL_PAGES = 4000;

/** Enough for the newest messages of the busiest rooms, so that pruning them reads nothing. */
const CACHE_KIB = 16_384;

const SCHEMA = `
  CREATE TABLE log (epoch TEXT NOT NULL, secret BLOB NOT NULL) STRICT;
  CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0   -- kept when the newest message is pruned by age
  ) STRICT;
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,           -- in the order of writing
    place INTEGER NOT NULL UNIQUE,    -- room << 32 | seq of the first event
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    events TEXT NOT NULL              -- a JSON array, as it was sent
  ) STRICT;
`;

/** Files that are open in this process, by their place in the file system. */
const openFiles = new Set<string>();

/** @throws {BrokerError} in one line */
export function openDatabase(path: string): Stored {
  const inMemory = path === ":memory:";
  const size = inMemory ? 0 : inspect(path);
  let database: DatabaseSync | undefined;
  let trusted = true;
  try {
    database = new DatabaseSync(path);
    // Exclusive from the first access on: no second process, and no shared-memory file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("BEGIN EXCLUSIVE");
    // Not ours: new, or what made it was killed and SQLite has just undone the half of it.
    if (database.prepare("PRAGMA application_id").get()?.application_id === 0) create(database);
    database.exec("COMMIT");
    trusted = size === 0;
    if (size > 0 && size <= CHECKED_BYTES) mustBeSound(database, path);
    const row = database.prepare("SELECT epoch, secret FROM log").get();
    if (row === undefined || !(row.secret instanceof Uint8Array)) {
      throw new BrokerError(
        `${path} is a Parley database without its first row; restore a backup.`,
      );
    }
    trusted = true;
    database.exec("PRAGMA synchronous = FULL");
    database.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    const opened = database;
    const file = placeOf(path);
    const log = new WriteAheadLog(path, database);
    if (file !== undefined) openFiles.add(file);
    return {
      database,
      epoch: String(row.epoch),
      secret: row.secret,
      mustStillBeThere() {
        if (inMemory) return;
        if (placeOf(path) !== file) {
          throw new BrokerError(`The database ${path} was removed or replaced.`);
        }
        log.mustStillBeThere();
      },
      close() {
        if (file !== undefined) openFiles.delete(file);
        opened.close();
      },
    };
  } catch (thrown) {
    // Closing would fold a write-ahead log into a damaged file and delete it; exiting does not.
    if (trusted) database?.close();
    throw inOneLine(path, thrown);
  }
}

/** The file beside the database that commits go to. */
class WriteAheadLog {
  readonly #path: string;
  readonly #database: DatabaseSync;
  #place: string | undefined;

  constructor(path: string, database: DatabaseSync) {
    this.#path = `${path}-wal`;
    this.#database = database;
    this.#begin();
  }

  mustStillBeThere(): void {
    const place = placeOf(this.#path);
    if (place === this.#place && place !== undefined) return;
    if (place !== undefined) throw new BrokerError(`${this.#path} was replaced.`);
    // We still have it open: into the database with all that it holds, and only then let go of it.
    const outcome = this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    if (outcome?.busy !== 0) throw new BrokerError(`${this.#path} was removed.`);
    this.#database.exec("PRAGMA journal_mode = DELETE");
    this.#begin();
    if (this.#place === undefined) throw new BrokerError(`${this.#path} cannot be made again.`);
  }

  #begin(): void {
    this.#database.exec("PRAGMA journal_mode = WAL");
    this.#database.exec("SELECT 1 FROM log"); // the first access makes it
    this.#place = placeOf(this.#path);
  }
}

function create(database: DatabaseSync): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec(SCHEMA);
  database.prepare("INSERT INTO log (epoch, secret) VALUES (?, ?)")
    .run(randomBytes(9).toString("base64url"), randomBytes(32));
}

/**
 * Reads the header only (https://sqlite.org/fileformat2.html#database_header): SQLite itself might
 * write to a foreign file, were it only to finish somebody's transaction.
 *
 * @returns the file's size; 0 if there is none yet, and then one is made that only we may read.
 */
function inspect(path: string): number {
  const header = new Uint8Array(100);
  let size: number;
  // Closing a file gives up all locks that this process has on it: not even looked at, then.
  if (openFiles.has(placeOf(path) ?? "")) {
    throw new BrokerError(`The database ${path} is in use by this process already.`);
  }
  try {
    using file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
    const info = file.statSync();
    if (!info.isFile) throw new BrokerError(`${path} is not a file.`);
    size = info.size;
    if (size === 0) return 0;
    file.readSync(header);
  } catch (thrown) {
    throw inOneLine(path, thrown);
  }
  const view = new DataView(header.buffer);
  const magic = new TextDecoder().decode(header.subarray(0, 15));
  if (magic !== "SQLite format 3" || view.getUint32(68) !== APPLICATION_ID) {
    throw new BrokerError(`${path} is not a Parley database; it was left as it is.`);
  }
  const version = view.getUint32(60);
  if (version !== SCHEMA_VERSION) {
    throw new BrokerError(
      `${path} has schema version ${version}; this Parley reads ${SCHEMA_VERSION}. It was left as it is.`,
    );
  }
  return size;
}

function mustBeSound(database: DatabaseSync, path: string): void {
  const verdict = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (verdict !== "ok") {
    throw damaged(path, String(verdict));
  }
}

function placeOf(path: string): string | undefined {
  try {
    const { dev, ino } = Deno.statSync(path);
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** What SQLite and the system say, as a sentence that names the file. */
function inOneLine(path: string, thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (/locked|busy/.test(text)) {
    return new BrokerError(`The database ${path} is in use by another process.`);
  }
  if (/malformed|not a database|no such/.test(text)) return damaged(path, text);
  return new BrokerError(`Cannot use the database ${path}: ${text}.`);
}

function damaged(path: string, how: string): BrokerError {
  const line = how.replace(/\s+/g, " ");
  return new BrokerError(`${path} is damaged (${line}); it was left as it is.`);
}
