/**
 * `SqliteBackups` copies the database while it is used.
 *
 * A small database, such as that of one busy room, is copied within memory, in one go. Through files, a backup
 * took three times as much of the CPU, and commits waited for the disk.
 *
 * The file of a larger one is copied in small pieces: SQLite's own `backup()` would block the event loop until
 * it is done. Meanwhile SQLite is kept from emptying the write-ahead log into the file, so the file does not
 * change, and every commit is appended to the log. The file is copied, then the log as far as it goes:
 * together they are the state after one commit.
 *
 * A worker thread checks the copy, and writes its rows anew.
 *
 * @module
 */
import { type Backup, BackupRefusal, type Backups, PIECE_BYTES } from "../backups.ts";
import { copyBytes } from "./copy_bytes.ts";
import { BackupThread } from "./backup_thread.ts";
import type { OpenDatabase } from "./database_file.ts";
import { freeBytes } from "./free_space.ts";
import { release } from "./release.ts";
import { pragma } from "./statements.ts";
import type { WatchedFiles } from "./watched_files.ts";

/** A database up to this size is copied in one go: it takes about ten milliseconds. */
const QUICK_BYTES = 8 << 20;
/** How fast a file is copied, and then written anew, so that commits do not wait long for the disk. */
const BYTES_PER_SECOND = 64 << 20;
/** How far the write-ahead log may grow meanwhile: it is emptied in one go afterwards. */
const MAX_LOG_BYTES = 256 << 20;
/** A log that is longer than it usually gets is emptied first. Nobody waits while others are copied. */
const LONG_LOG_BYTES = 32 << 20;
/** What must be left free on the disk. */
const FREE_BYTES = 64 << 20;
/** How often a copy is begun again because the log had to be emptied meanwhile. */
const TRIES = 3;

export class SqliteBackups implements Backups {
  readonly #database: OpenDatabase;
  readonly #files: WatchedFiles;
  readonly #path: string;
  readonly #finished: string;
  readonly #stop = new AbortController();
  readonly #thread = new BackupThread();
  /** Settles when the present copy is made or has failed. */
  #making: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #isCopying = false;

  constructor(database: OpenDatabase, files: WatchedFiles) {
    this.#database = database;
    this.#files = files;
    this.#path = `${files.path}.backup.unfinished`; // a name that nobody gives to a file to keep
    this.#finished = `${this.#path}.anew`;
  }

  /** Whether the write-ahead log must not be emptied if that can wait. */
  get isCopying(): boolean {
    return this.#isCopying;
  }

  async make(): Promise<Backup> {
    if (this.#isBusy) {
      throw new BackupRefusal("busy", "Another backup is being made. Try again when it is done.");
    }
    this.#isBusy = true;
    const making = this.#make(this.#stop.signal);
    this.#making = making.catch(() => {});
    try {
      return await making;
    } catch (thrown) {
      this.#isBusy = false;
      throw asRefusal(thrown);
    }
  }

  /** Removes what a process that was killed has left behind. */
  async clean(): Promise<void> {
    await this.#remove();
  }

  /** Gives up the present copy, and settles when nothing is left of it. */
  async close(): Promise<void> {
    this.#stop.abort(new BackupRefusal("failed", "The server is going down."));
    await this.#making;
    this.#thread.end();
  }

  async #make(signal: AbortSignal): Promise<Backup> {
    const { database } = this.#database;
    const bytes = Number(pragma(database, "page_count")) * Number(pragma(database, "page_size"));
    return await (bytes > QUICK_BYTES ? this.#makeInFiles(signal) : this.#makeInMemory(signal));
  }

  async #makeInMemory(signal: AbortSignal): Promise<Backup> {
    const copied = this.#database.database.serialize();
    const { image } = await this.#thread.finish({ image: copied }, signal);
    if (image === undefined) throw new Error("nothing was made of the copy");
    let unread = image;
    return {
      bytes: image.length,
      next: () => {
        const piece = unread.subarray(0, PIECE_BYTES);
        unread = unread.subarray(piece.length);
        return Promise.resolve(piece.length === 0 ? null : piece);
      },
      [Symbol.dispose]: () => {
        release(image);
        this.#isBusy = false;
      },
    };
  }

  async #makeInFiles(signal: AbortSignal): Promise<Backup> {
    try {
      await this.#copy(signal);
      const [path, finished, bytesPerSecond] = [this.#path, this.#finished, BYTES_PER_SECOND];
      await this.#thread.finish({ path, finished, bytesPerSecond }, signal);
      const file = await Deno.open(finished, { read: true });
      const { size } = await file.stat();
      return {
        bytes: size,
        next: async () => {
          const piece = new Uint8Array(PIECE_BYTES);
          const count = await file.read(piece);
          return count === null ? null : piece.subarray(0, count);
        },
        [Symbol.dispose]: () => {
          file.close();
          this.#isBusy = false;
        },
      };
    } finally {
      // What is open stays readable. So nothing is left behind, whatever happens to the process.
      await this.#remove();
    }
  }

  /** Removes the files of a copy, as far as they are there. */
  async #remove(): Promise<void> {
    for (const path of [this.#path, this.#finished]) await removeDatabase(path);
  }

  async #copy(signal: AbortSignal): Promise<void> {
    this.#isCopying = true;
    const { database } = this.#database;
    try {
      database.exec("PRAGMA wal_autocheckpoint = 0");
      for (let tries = 0; tries < TRIES; tries++) {
        await this.#remove(); // a log of the try before would be taken for this one's
        if (this.#files.logBytes().used > LONG_LOG_BYTES && !this.#files.emptyLog()) {
          throw new Error("the write-ahead log cannot be emptied");
        }
        const { checkpoints } = this.#files;
        await this.#copyFiles(signal);
        if (checkpoints === this.#files.checkpoints) return;
      }
      throw new Error("the write-ahead log had to be emptied again and again");
    } finally {
      this.#isCopying = false;
      if (database.isOpen) this.#database.setCheckpoints();
    }
  }

  async #copyFiles(signal: AbortSignal): Promise<void> {
    const { reader, path } = this.#files;
    // In a busy room each page is in the log many times. To copy them all would take longer than this.
    if (this.#files.logBytes().used > (await Deno.stat(path)).size) this.#files.copyLog();
    const { size } = await Deno.stat(path);
    await assertFree(this.#path, 2 * size); // it is written twice
    reader.seekSync(0, Deno.SeekMode.Start);
    const checkLog = () => {
      signal.throwIfAborted();
      if (this.#files.logBytes().used <= MAX_LOG_BYTES) return;
      throw new Error("too much is written meanwhile; try it at a quieter time");
    };
    await copyBytes(reader, this.#path, size, checkLog, BYTES_PER_SECOND);
    using log = await Deno.open(this.#files.logPath, { read: true });
    const { used, isInFile } = this.#files.logBytes();
    // If the file has all of it, the next commit begins the log anew: it must not be copied then.
    if (isInFile) return;
    const checkSignal = () => signal.throwIfAborted();
    await copyBytes(log, `${this.#path}-wal`, used, checkSignal, BYTES_PER_SECOND);
  }
}

async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    await Deno.remove(path + suffix).catch(() => {});
  }
}

/** @throws {BackupRefusal} if the disk has no room. Where that cannot be asked, the copy may fail later. */
async function assertFree(path: string, bytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free === undefined || free >= bytes + FREE_BYTES) return;
  const [has, needs] = [free, bytes + FREE_BYTES].map((size) => Math.ceil(size / 1_048_576));
  throw new BackupRefusal("full", `The disk has ${has} MB left; a backup needs ${needs} MB.`);
}

function asRefusal(thrown: unknown): BackupRefusal {
  if (thrown instanceof BackupRefusal) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  const isFull = /os error 28|database or disk is full/.test(why);
  return new BackupRefusal(isFull ? "full" : "failed", `The backup was given up: ${why}.`);
}
