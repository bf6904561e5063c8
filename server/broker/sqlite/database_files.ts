/**
 * Notices what is done to the database's files while they are open: writing to a deleted file
 * succeeds, and what is written is lost.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { BrokerError } from "../broker.ts";

/** Watches over the database file. It grows only, unless we say that it may shrink. */
export class DatabaseFile {
  readonly #path: string;
  readonly #name: string;
  readonly #place: string | undefined;
  #size = 0;

  /** @param name what to call it in errors. */
  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
    this.#place = placeOf(path);
    this.assertIntact();
  }

  /** @throws {BrokerError} if the file was removed, replaced or truncated. */
  assertIntact(): void {
    const info = statOf(this.#path);
    if (info === undefined || placed(info) !== this.#place) {
      throw new BrokerError(`The database ${this.#name} was removed or replaced.`);
    }
    if (info.size < this.#size) throw new BrokerError(`The database ${this.#name} was truncated.`);
    this.#size = info.size;
  }

  /** Expects that SQLite makes the file as small as that. */
  mayShrinkTo(bytes: number): void {
    this.#size = Math.min(this.#size, bytes);
  }
}

/** Watches over the file beside the database that commits go to. */
export class WriteAheadLog {
  readonly #path: string;
  readonly #database: DatabaseSync;
  #place: string | undefined;
  #size = 0;

  constructor(path: string, database: DatabaseSync) {
    this.#path = `${path}-wal`;
    this.#database = database;
    this.#begin();
  }

  /**
   * Begins a write-ahead log anew that was removed; what was in it is saved.
   *
   * @throws {BrokerError} if it was replaced or truncated.
   */
  assertIntact(): void {
    const info = statOf(this.#path);
    if (info !== undefined && placed(info) === this.#place) {
      // It is written from its beginning again and again, and never made smaller.
      if (info.size < this.#size) throw new BrokerError(`${this.#path} was truncated.`);
      this.#size = info.size;
      return;
    }
    if (info !== undefined) throw new BrokerError(`${this.#path} was replaced.`);
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
    this.#size = 0;
  }
}

/** Where a file lies in the file system, whatever it is called; `undefined` if there is none. */
export function placeOf(path: string): string | undefined {
  const info = statOf(path);
  return info && placed(info);
}

function placed({ dev, ino }: Deno.FileInfo): string {
  return `${dev} ${ino}`;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}
