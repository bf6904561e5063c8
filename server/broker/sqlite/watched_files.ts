/**
 * Notices when the database's files are removed, replaced or truncated while they are open. Writing to
 * a deleted file succeeds, and the data is lost.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../broker.ts";
import { pragma } from "./statements.ts";

/** The database file and its write-ahead log. */
export class WatchedFiles {
  readonly #database: DatabaseSync;
  readonly #file: WatchedFile;
  readonly #log: WatchedFile;
  /** The path of the database file itself. */
  readonly path: string;
  /** The path of the write-ahead log. */
  readonly logPath: string;
  /**
   * Reads the database file. It is open as long as the database is: closing any file that is the same gives
   * up the locks that this process has on it. So does any asynchronous operation of Deno on it.
   */
  readonly reader: Deno.FsFile;
  /** How often the write-ahead log was emptied because it had to be. */
  checkpoints = 0;

  /**
   * @param path the file itself, not a symbolic link to it.
   * @param name the path for error messages.
   */
  constructor(database: DatabaseSync, path: string, name: string) {
    this.#database = database;
    this.path = path;
    this.logPath = `${path}-wal`;
    this.reader = Deno.openSync(path, { read: true });
    this.#file = new WatchedFile(path, `The database ${name}`);
    this.#log = new WatchedFile(this.logPath, this.logPath);
  }

  /**
   * Checks both files. Call it before each commit: writing to a deleted file succeeds, and the data is
   * lost. A removed write-ahead log is made again, and its content saved.
   *
   * @throws {BrokerError} if a file was replaced or truncated, or the database was removed.
   */
  assertNotReplaced(): void {
    if (!this.#file.exists()) throw new BrokerError(`${this.#file.name} was removed.`);
    if (!this.#log.exists()) this.#restoreLog();
  }

  /**
   * Copies the write-ahead log into the database and empties it. On a full disk this frees the space
   * that the log took.
   *
   * @returns false if it failed: the database may have to grow for it.
   */
  emptyLog(): boolean {
    this.checkpoints++;
    try {
      if (pragma(this.#database, "wal_checkpoint(TRUNCATE)") !== 0) return false;
    } catch {
      return false;
    }
    this.#log.maxSize = 0;
    return true;
  }

  /**
   * Copies the write-ahead log into the database. The next commit begins it anew, and the file of the log stays
   * as long as it is: to grow it again would make commits slower.
   *
   * @throws {Error} if the database must grow for it and cannot.
   */
  copyLog(): void {
    pragma(this.#database, "wal_checkpoint(PASSIVE)");
  }

  /**
   * Measures the write-ahead log. Its file may be longer: SQLite writes it from the beginning again, once the
   * database has all of it.
   */
  logBytes(): { readonly used: number; readonly isInFile: boolean } {
    const row = this.#database.prepare("PRAGMA wal_checkpoint(NOOP)").get();
    const [frames, copied] = [Number(row?.log), Number(row?.checkpointed)];
    const pageSize = Number(pragma(this.#database, "page_size"));
    // https://sqlite.org/fileformat2.html#the_write_ahead_log
    return { used: 32 + frames * (24 + pageSize), isInFile: copied === frames };
  }

  /** Expects SQLite to make the database file smaller. */
  expectSize(bytes: number): void {
    this.#file.maxSize = Math.min(this.#file.maxSize, bytes);
  }

  /** SQLite still has the removed file open: its content goes into the database before it is closed. */
  #restoreLog(): void {
    this.checkpoints++;
    const { name } = this.#log;
    const isBusy = pragma(this.#database, "wal_checkpoint(TRUNCATE)") !== 0;
    if (isBusy) throw new BrokerError(`${name} was removed.`);
    this.#database.exec("PRAGMA journal_mode = DELETE");
    startWriteAheadLog(this.#database);
    this.#log.identify();
    if (!this.#log.exists()) throw new BrokerError(`${name} was removed and cannot be made again.`);
  }
}

/** Makes the write-ahead log, or makes it again. */
export function startWriteAheadLog(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("SELECT 1 FROM log"); // the first access makes the file
}

/** A file that must stay the same file, and never gets smaller by itself. */
class WatchedFile {
  readonly name: string;
  readonly #path: string;
  #identity: Deno.FileInfo | undefined;
  /** The largest size that was seen. */
  maxSize = 0;

  constructor(path: string, name: string) {
    this.#path = path;
    this.name = name;
    this.identify();
  }

  /** Takes the file that is there now for the right one. */
  identify(): void {
    this.#identity = statOf(this.#path);
    this.maxSize = this.#identity?.size ?? 0;
  }

  /** @throws {BrokerError} if it was replaced or truncated. */
  exists(): boolean {
    const info = statOf(this.#path);
    if (info === undefined) return false;
    if (info.ino !== this.#identity?.ino || info.dev !== this.#identity.dev) {
      throw new BrokerError(`${this.name} was replaced.`);
    }
    if (info.size < this.maxSize) throw new BrokerError(`${this.name} was truncated.`);
    this.maxSize = info.size;
    return true;
  }
}

/** Identifies a file by its place in the file system, whatever path leads there. */
export function identityOf(path: string): string | undefined {
  const info = statOf(path);
  return info && `${info.dev} ${info.ino}`;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}
