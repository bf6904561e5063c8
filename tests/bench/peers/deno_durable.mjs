/**
 * No peer, but a yardstick: the bare Deno loop, and every message committed to SQLite before it is
 * sent, a row and a transaction each, as durable as Parley's. What it lacks of the loop is the disk's.
 */
import { DatabaseSync } from "node:sqlite";
import { loop } from "./deno.mjs";

const database = new DatabaseSync(Deno.args[1]);
database.exec(`
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE messages (id INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;
`);
const store = database.prepare("INSERT INTO messages (event) VALUES (?)");
loop((text) => store.run(text));
