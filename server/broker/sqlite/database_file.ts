/**
 * Opens the database file, or refuses it with a one-line error. It checks that the file is a Parley
 * database, that it is sound, and that nobody else has it open. A foreign file is left as it was.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../broker.ts";
import { endOfLinks } from "./end_of_links.ts";
import {
  addStart,
  APPLICATION_ID,
  create,
  migrate,
  OLDEST_VERSION,
  SCHEMA_VERSION,
} from "./schema.ts";
import { pragma } from "./statements.ts";
import { identityOf, startWriteAheadLog, WatchedFiles } from "./watched_files.ts";
import { WITHOUT_ATTACH } from "./write_anew.ts";

/** An open database, and the values that it keeps for all rooms. */
export interface OpenDatabase {
  readonly database: DatabaseSync;
  readonly epoch: string;
  readonly secret: Uint8Array;
  /** Names this start in the file. */
  readonly mark: string;
  /** Whether the process that had the file before was killed: it left a write-ahead log. */
  readonly wasCutOff: boolean;
  /** The highest id that a row had before this start. */
  readonly lastRowId: number;
  /** Undefined in memory. */
  readonly files: WatchedFiles | undefined;
  /** Has SQLite empty the write-ahead log when it has grown. */
  setCheckpoints(): void;
  /** Whether free pages can be given back to the file system. */
  readonly isShrinkable: boolean;
  /**
   * Runs the removal of rows whose texts need not be overwritten: they were pruned, not deleted. A busy
   * room would otherwise write 1.6 times as many bytes, because each page that is freed is written again.
   */
  prune(removal: () => void): void;
  close(): void;
}

/** A file up to this size is checked completely at start. It takes about 1 ms per megabyte. */
const MAX_CHECKED_BYTES = 256 << 20;

/**
 * Pages in the write-ahead log before SQLite copies them into the file. Four times SQLite's default:
 * a busy room writes the same few hundred pages again and again, and each is then copied once instead
 * of four times. It takes 16 MB of disk, and about 20 ms when all pages differ.
 */
const WAL_PAGES = 4000;

/** Enough for the newest messages of the busiest rooms, so that pruning them reads nothing. */
const CACHE_KIB = 16_384;

/** What SQLite calls the mode in which a file gives free pages back in small steps. */
const INCREMENTAL = 2;

/** The identities of the files that this thread has open, or a thread that it has started. */
const openFiles = new Set<string>();

/** Notes that a file is open. @returns a function to call when it is closed. */
export function noteOpen(path: string): () => void {
  const identity = identityOf(path);
  if (identity === undefined) return () => {};
  openFiles.add(identity);
  return () => void openFiles.delete(identity);
}

/** Closing a file gives up all locks that this process has on it. So one that is open is not opened again. */
export function assertNotOpen(path: string): void {
  if (!openFiles.has(identityOf(path) ?? "")) return;
  throw new BrokerError(`The database ${path} is in use by this process already.`);
}

/** @throws {BrokerError} with one line, if the file cannot be used. */
export function openDatabase(path: string): OpenDatabase {
  const isInMemory = path === ":memory:";
  const { size } = isInMemory ? { size: 0 } : inspect(path);
  const isNew = size === 0;
  let database: DatabaseSync | undefined;
  let isTrusted = true;
  try {
    // SQLite puts its write-ahead log beside the file itself, not beside a symbolic link to it.
    const realPath = isInMemory ? path : Deno.realPathSync(path);
    const wasCutOff = !isInMemory && logSize(realPath) !== undefined;
    const opened = database = new DatabaseSync(realPath, WITHOUT_ATTACH);
    // Exclusive from the first access on: no second process, and no shared-memory file.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec(isNew ? "BEGIN" : "BEGIN EXCLUSIVE");
    // Lets freed space go back to the file system in small steps. It must be set before the first page.
    if (isNew) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    // 0 in a new file, and where a process was killed while it made one: SQLite has undone its work.
    if (pragma(database, "application_id") === 0) create(database);
    database.exec("COMMIT");
    isTrusted = isNew;
    if (!isNew && size <= MAX_CHECKED_BYTES) assertSound(database, path);
    const row = database.prepare("SELECT epoch, secret FROM log").get();
    if (row === undefined || !(row.secret instanceof Uint8Array)) {
      throw new BrokerError(
        `${path} is a Parley database without its first row; restore a backup.`,
      );
    }
    isTrusted = true;
    database.exec("PRAGMA synchronous = FULL");
    // What is removed is overwritten with zeros. It is in the write-ahead log until that is emptied.
    database.exec("PRAGMA secure_delete = ON");
    const setCheckpoints = () => opened.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
    setCheckpoints();
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    startWriteAheadLog(database);
    migrate(database);
    const isShrinkable = pragma(database, "auto_vacuum") === INCREMENTAL;
    const start = addStart(database);
    const files = isInMemory ? undefined : new WatchedFiles(database, realPath, path);
    const closed = isInMemory ? () => {} : noteOpen(realPath);
    return {
      database,
      epoch: String(row.epoch),
      secret: row.secret,
      ...start,
      wasCutOff,
      files,
      setCheckpoints,
      isShrinkable,
      prune(removal) {
        if (!isShrinkable) return removal();
        opened.exec("PRAGMA secure_delete = FAST");
        try {
          removal();
        } finally {
          opened.exec("PRAGMA secure_delete = ON");
        }
      },
      close() {
        closed();
        endWriteAheadLog(opened, files);
        opened.close();
        files?.reader.close();
      },
    };
  } catch (thrown) {
    // Closing would copy a write-ahead log into a damaged file and delete it. Exiting does not.
    if (isTrusted) database?.close();
    throw oneLine(path, thrown);
  }
}

/**
 * Checks the header of the file (https://sqlite.org/fileformat2.html#database_header). SQLite itself
 * is not asked, because it might write to a foreign file, for example to finish a transaction.
 *
 * @returns the file's size, and the version of its schema. If there is no file, one is made that only its
 * owner may read.
 * @throws {BrokerError} with one line, if the file is foreign or too new.
 */
export function inspect(path: string): { readonly size: number; readonly version: number } {
  const header = new Uint8Array(100);
  let size: number;
  assertNotOpen(path);
  try {
    using file = Deno.openSync(endOfLinks(path), {
      read: true,
      write: true,
      create: true,
      mode: 0o600,
    });
    const info = file.statSync();
    if (!info.isFile) throw new BrokerError(`${path} is not a file.`);
    size = info.size;
    if (size === 0) return { size, version: SCHEMA_VERSION };
    file.readSync(header);
  } catch (thrown) {
    throw oneLine(path, thrown);
  }
  const view = new DataView(header.buffer);
  const magic = new TextDecoder().decode(header.subarray(0, 15));
  if (magic !== "SQLite format 3" || view.getUint32(68) !== APPLICATION_ID) {
    throw new BrokerError(`${path} is not a Parley database; it was left as it is.`);
  }
  const version = view.getUint32(60);
  if (version < OLDEST_VERSION || version > SCHEMA_VERSION) {
    throw new BrokerError(
      `${path} has schema version ${version}; this Parley reads ${OLDEST_VERSION} to ` +
        `${SCHEMA_VERSION}. It was left as it is.`,
    );
  }
  assertLogIsItsOwn(path, header[18] === ROLLBACK);
  return { size, version };
}

/** What a file says that has no write-ahead log: a backup, or one that was closed in order. */
const ROLLBACK = 1;

/**
 * SQLite takes any write-ahead log that lies beside a file for its own. The one of the database before, whose
 * server was killed, would bring back what a backup was put in its place to undo, or damage it.
 */
function assertLogIsItsOwn(path: string, hasNone: boolean): void {
  if (!hasNone || !logSize(Deno.realPathSync(path))) return;
  throw new BrokerError(
    `${path}-wal belongs to another database, which ${path} was put in the place of. ` +
      "Remove it, or put that database back. Both were left as they are.",
  );
}

/** Empties the write-ahead log, and has the file say that it has none: see {@linkcode assertLogIsItsOwn}. */
function endWriteAheadLog(database: DatabaseSync, files: WatchedFiles | undefined): void {
  if (files === undefined) return;
  try {
    files.assertNotReplaced();
    database.exec("PRAGMA journal_mode = DELETE");
  } catch {
    // The disk is full or the file is gone. The log stays beside the file for the next start.
  }
}

/** The bytes of the write-ahead log, if there is one. SQLite removes it when the file is closed in order. */
function logSize(path: string): number | undefined {
  try {
    return Deno.statSync(`${path}-wal`).size;
  } catch {
    return undefined;
  }
}

function assertSound(database: DatabaseSync, path: string): void {
  const result = pragma(database, "quick_check(1)");
  if (result !== "ok") throw damaged(path, String(result));
}

/** Makes an error of SQLite or the system into one line that names the file. */
function oneLine(path: string, thrown: unknown): BrokerError {
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
