/**
 * Opening the database file, or refusing it in one line: whose it is, whether it is sound, whether
 * somebody else has it. A file that is not ours is looked at and left as it was.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../broker.ts";
import { DatabaseFile, placeOf, WriteAheadLog } from "./file_watch.ts";
import {
  addStart,
  APPLICATION_ID,
  create,
  migrate,
  OLDEST_VERSION,
  SCHEMA_VERSION,
} from "./schema.ts";

/** An open database and what is kept in it once. */
export interface Stored {
  readonly database: DatabaseSync;
  readonly epoch: string;
  readonly secret: Uint8Array;
  /** Names this start in the file. */
  readonly mark: string;
  /** The highest id that a batch may have had before this start. */
  readonly batches: number;
  /**
   * Checks the files; call it before each commit, which might else be acknowledged and lost. A
   * write-ahead log that was removed is begun anew, and what was in it saved.
   *
   * @throws {BrokerError} if a file was replaced or truncated, or the database was removed.
   */
  mustStillBeThere(): void;
  /**
   * Folds the write-ahead log into the file, so that a full disk has the room that the log took.
   *
   * @returns whether there may be room now.
   */
  foldLog(): boolean;
  /** Expects the file to become that small. */
  mayShrinkTo(bytes: number): void;
  close(): void;
}

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

/** Files that are open in this process, by their place in the file system. */
const openFiles = new Set<string>();

/** @throws {BrokerError} in one line */
export function openDatabase(path: string): Stored {
  const inMemory = path === ":memory:";
  const size = inMemory ? 0 : inspect(path);
  let database: DatabaseSync | undefined;
  let trusted = true;
  try {
    // A symbolic link may be given: SQLite makes its write-ahead log beside the file itself.
    const real = inMemory ? path : Deno.realPathSync(path);
    database = new DatabaseSync(real);
    // Exclusive from the first access on: no second process, and no shared-memory file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec(size === 0 ? "BEGIN" : "BEGIN EXCLUSIVE");
    // What is freed is given back in small steps. Only a file without a page takes this.
    if (size === 0) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
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
    const log = new WriteAheadLog(real, database);
    migrate(database);
    const { mark, batches } = addStart(database);
    const file = inMemory ? undefined : new DatabaseFile(real, path);
    const place = inMemory ? undefined : placeOf(real);
    if (place !== undefined) openFiles.add(place);
    return {
      database,
      epoch: String(row.epoch),
      secret: row.secret,
      mark,
      batches,
      mustStillBeThere() {
        file?.assertIntact();
        if (file !== undefined) log.assertIntact();
      },
      foldLog: () => log.fold(),
      mayShrinkTo: (bytes) => file?.mayShrinkTo(bytes),
      close() {
        if (place !== undefined) openFiles.delete(place);
        opened.close();
      },
    };
  } catch (thrown) {
    // Closing would fold a write-ahead log into a damaged file and delete it; exiting does not.
    if (trusted) database?.close();
    throw inOneLine(path, thrown);
  }
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
  if (version < OLDEST_VERSION || version > SCHEMA_VERSION) {
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
