/**
 * A folder with a database in it, for one test.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SqliteBroker, type SqliteOptions } from "../../server/broker/sqlite/sqlite_broker.ts";
import type { Store } from "./broker_suite.ts";

export class Directory implements Store {
  readonly path: string;
  readonly file: string;

  constructor() {
    this.path = Deno.makeTempDirSync();
    this.file = `${this.path}/parley.db`;
  }

  open(options: Partial<SqliteOptions> = {}): Promise<SqliteBroker> {
    return SqliteBroker.open({
      path: this.file,
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    });
  }

  bytes(): Uint8Array {
    return Deno.readFileSync(this.file);
  }

  write(bytes: Uint8Array | string): void {
    Deno.writeFileSync(
      this.file,
      typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
    );
  }

  /** Changes a sound database from outside. */
  sql(statements: string): void {
    using database = new DatabaseSync(this.file);
    database.exec(statements);
  }

  /**
   * Makes a database as version 2 did, with one message in the lobby. A file of this shape must be
   * readable for ever, or its version refused.
   */
  makeVersion2(): void {
    const message = '{"type":"chat","room":"lobby","seq":1,"at":1,' +
      '"from":{"id":"u1","name":"N"},"payload":"old","ref":"r"}';
    this.sql(`PRAGMA application_id = ${0x50726c79}; PRAGMA user_version = 2;
      CREATE TABLE log (epoch TEXT NOT NULL, secret BLOB NOT NULL) STRICT;
      CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        head INTEGER NOT NULL DEFAULT 0) STRICT;
      CREATE TABLE batches (id INTEGER PRIMARY KEY, place INTEGER NOT NULL UNIQUE,
        count INTEGER NOT NULL, at INTEGER NOT NULL, events TEXT NOT NULL) STRICT;
      INSERT INTO log VALUES ('epoch', randomblob(32));
      INSERT INTO rooms VALUES (1, 'lobby', 0);
      INSERT INTO batches VALUES (1, (1 << 32) + 1, 1, ${Date.now()}, '[${message}]');`);
  }

  /** Makes a database as version 3 did, with the same message. */
  makeVersion3(): void {
    this.makeVersion2();
    this.sql(`PRAGMA user_version = 3;
      ALTER TABLE log ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE rooms ADD COLUMN era INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE rooms ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE batches ADD COLUMN refs BLOB;
      CREATE TABLE starts (id INTEGER PRIMARY KEY, mark TEXT NOT NULL,
        batches INTEGER NOT NULL) STRICT;
      INSERT INTO starts (mark, batches) VALUES ('first', 0);`);
  }

  /** Makes a database as version 4 did, with the same message, and a webhook that has taken it. */
  makeVersion4(): void {
    this.makeVersion3();
    this.sql(`PRAGMA user_version = 4;
      ALTER TABLE log ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
      CREATE TABLE webhook (id INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
      INSERT INTO webhook VALUES (1, 1);
      CREATE TABLE retained (id INTEGER PRIMARY KEY, room TEXT NOT NULL, name TEXT NOT NULL,
        size INTEGER NOT NULL, event TEXT NOT NULL, UNIQUE (room, name)) STRICT;
      CREATE TABLE sanctions (kind TEXT NOT NULL, room TEXT NOT NULL, subject TEXT NOT NULL,
        until INTEGER, guest TEXT, PRIMARY KEY (kind, room, subject)) STRICT, WITHOUT ROWID;`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
