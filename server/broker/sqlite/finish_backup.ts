/**
 * The script of the worker thread that finishes a copy of the database: it checks the copy, and copies all
 * rows into a new file, or into memory. That reads all of it, which the event loop should not wait for.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SYNC_BYTES } from "./copy_bytes.ts";
import { copyRows } from "./copy_rows.ts";
import { release } from "./release.ts";
import { APPLICATION_ID } from "./schema.ts";
import { pragma } from "./statements.ts";
import { WITHOUT_ATTACH } from "./write_anew.ts";

/** What is to be done, with a copy that is in files or in memory. */
export type FinishOrder = CopyInFiles | CopyInMemory;

export interface CopyInFiles {
  /** The copy, with a write-ahead log beside it. */
  readonly path: string;
  /** The file to make. */
  readonly finished: string;
  /** How fast rows are copied, so that commits do not wait long for the disk. */
  readonly bytesPerSecond: number;
}

export interface CopyInMemory {
  /** What a file of the copy would hold. It is not copied once more: the sender has it no longer. */
  readonly image: Uint8Array;
}

/** The answer to an order. */
export interface Finished {
  /** Says why the copy is of no use. */
  readonly error?: string;
  /** What was made of an image. */
  readonly image?: Uint8Array;
}

/** Enough for the pages of the index of many rooms, which are written in no order. */
const CACHE_KIB = 16_384;
/** The two bytes of a file that say whether it has a write-ahead log, and what they are without one. */
const [MODE_AT, ROLLBACK] = [18, 1];

function finish(order: FinishOrder): Finished {
  try {
    return "image" in order ? finishImage(order) : finishFiles(order);
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function finishFiles({ path, finished, bytesPerSecond }: CopyInFiles): Finished {
  using copy = open(path);
  const error = faultOf(copy);
  if (error !== undefined) return { error };
  using database = open(finished);
  database.exec(`PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -${CACHE_KIB}`);
  copyRows(copy, database, pacing(finished, bytesPerSecond));
  Deno.removeSync(path); // or SQLite would first take the whole write-ahead log into it
  return {};
}

function finishImage({ image }: CopyInMemory): Finished {
  image.fill(ROLLBACK, MODE_AT, MODE_AT + 2); // SQLite reads no image that says that it has a log
  using copy = new DatabaseSync(":memory:", WITHOUT_ATTACH);
  copy.deserialize(image);
  release(image);
  const error = faultOf(copy);
  if (error !== undefined) return { error };
  using database = new DatabaseSync(":memory:", WITHOUT_ATTACH);
  copyRows(copy, database, () => {});
  return { image: database.serialize() };
}

/** Tells why a copy is of no use, if it is. */
function faultOf(copy: DatabaseSync): string | undefined {
  if (pragma(copy, "application_id") !== APPLICATION_ID) return "it is foreign";
  const result = pragma(copy, "quick_check(1)");
  return result === "ok" ? undefined : `it is damaged (${result})`;
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
  postMessage(message: Finished, transfer: readonly ArrayBuffer[]): void;
};

self.onmessage = ({ data }: MessageEvent<FinishOrder>) => {
  const finished = finish(data);
  const buffer = finished.image?.buffer;
  self.postMessage(finished, buffer instanceof ArrayBuffer ? [buffer] : []);
};
