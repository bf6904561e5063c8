/**
 * The script of the worker thread that finishes a copy of the database: it takes the copy's write-ahead log
 * into the file, checks the file, and writes it anew. That reads all of it, which the event loop should not wait for.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { APPLICATION_ID } from "./schema.ts";
import { pragma } from "./statements.ts";
import { WITHOUT_ATTACH, writeAnew } from "./write_anew.ts";

/** The answer to a path; `error` says why the copy is of no use. */
export interface Finished {
  readonly error?: string;
}

function finish(path: string): Finished {
  try {
    using database = new DatabaseSync(path, WITHOUT_ATTACH); // takes over the write-ahead log
    // Nobody needs this file after a crash, so nothing waits for the disk.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF");
    database.exec("PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE");
    if (pragma(database, "application_id") !== APPLICATION_ID) return { error: "it is foreign" };
    const result = pragma(database, "quick_check(1)");
    if (result !== "ok") return { error: `it is damaged (${result})` };
    // SQLite leaves copies of deleted texts in the unused space of pages. None goes into the backup.
    database.exec("PRAGMA journal_mode = OFF");
    writeAnew(database);
    return {};
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** What this thread is to the one that started it. JSR refuses `/// <reference lib="deno.worker" />`. */
declare const self: {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(message: Finished): void;
};

self.onmessage = ({ data }: MessageEvent<string>) => {
  self.postMessage(finish(data));
};
