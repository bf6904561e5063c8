/**
 * The script of the worker thread that finishes a copy of the database: it checks the copy, with its
 * write-ahead log, and copies all rows into a new file. That reads all of it, which the event loop should not
 * wait for.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SYNC_BYTES } from "./copy_bytes.ts";
import { copyRows } from "./copy_rows.ts";
import { APPLICATION_ID } from "./schema.ts";
import { pragma } from "./statements.ts";
import { WITHOUT_ATTACH } from "./write_anew.ts";

/** What is to be done. */
export interface FinishOrder {
  /** The copy. */
  readonly path: string;
  /** The file to make. */
  readonly finished: string;
  /** How fast rows are copied, so that commits do not wait long for the disk. */
  readonly bytesPerSecond: number;
}

/** The answer to an order; `error` says why the copy is of no use. */
export interface Finished {
  readonly error?: string;
}

/** Enough for the pages of the index of many rooms, which are written in no order. */
const CACHE_KIB = 16_384;

function finish({ path, finished, bytesPerSecond }: FinishOrder): Finished {
  try {
    using copy = open(path);
    if (pragma(copy, "application_id") !== APPLICATION_ID) return { error: "it is foreign" };
    const result = pragma(copy, "quick_check(1)");
    if (result !== "ok") return { error: `it is damaged (${result})` };
    using database = open(finished);
    database.exec(`PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -${CACHE_KIB}`);
    copyRows(copy, database, pacing(finished, bytesPerSecond));
    Deno.removeSync(path); // or SQLite would first take the whole write-ahead log into it
    return {};
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** Nobody needs these files after a crash, so nothing waits for the disk. */
function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, WITHOUT_ATTACH);
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF");
  return database;
}

/** Returns what to call with the bytes that were written: it waits if that was too fast. */
function pacing(path: string, bytesPerSecond: number): (bytes: number) => void {
  const begunAt = performance.now();
  const clock = new Int32Array(new SharedArrayBuffer(4));
  let [all, unsynced] = [0, 0];
  return (bytes) => {
    all += bytes;
    unsynced += bytes;
    if (unsynced >= SYNC_BYTES) {
      using file = Deno.openSync(path, { write: true });
      file.syncDataSync();
      unsynced = 0;
    }
    const early = 1000 * all / bytesPerSecond - (performance.now() - begunAt);
    if (early > 1) Atomics.wait(clock, 0, 0, early);
  };
}

/** What this thread is to the one that started it. JSR refuses `/// <reference lib="deno.worker" />`. */
declare const self: {
  onmessage: (event: MessageEvent<FinishOrder>) => void;
  postMessage(message: Finished): void;
};

self.onmessage = ({ data }: MessageEvent<FinishOrder>) => {
  self.postMessage(finish(data));
};
