/**
 * A folder with a database in it, for one test.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SqliteBroker, type SqliteOptions } from "../../server/broker/sqlite/sqlite_broker.ts";
import type { Log } from "../../server/log.ts";
import type { Store } from "./broker_suite.ts";

export class Directory implements Store {
  readonly path: string;
  readonly file: string;

  /** @param path a folder that is there already. Otherwise one is made. */
  constructor(path: string = Deno.makeTempDirSync()) {
    this.path = path;
    this.file = `${this.path}/parley.db`;
  }

  open(options: Partial<SqliteOptions> = {}, log?: Log): Promise<SqliteBroker> {
    return SqliteBroker.open({
      path: this.file,
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    }, log);
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

  /** Makes a database as version 1 did, at first and later, with the message of {@linkcode makeVersion2}. */
  makeVersion1(isFirst: boolean): void {
    this.makeVersion2();
    const [columns, values] = isFirst
      ? ["room INTEGER NOT NULL, first INTEGER NOT NULL", "1, 1"]
      : ["id INTEGER PRIMARY KEY", "(1 << 32) + 1"];
    const end = isFirst ? ", PRIMARY KEY (room, first)) STRICT, WITHOUT ROWID" : ") STRICT";
    this.sql(`PRAGMA user_version = 1;
      ALTER TABLE batches RENAME TO later;
      CREATE TABLE batches (${columns}, count INTEGER NOT NULL, at INTEGER NOT NULL,
        events TEXT NOT NULL${end};
      INSERT INTO batches SELECT ${values}, count, at, events FROM later;
      DROP TABLE later;`);
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

  /** Makes a database as version 5 did, with the same message, a mark, and a reaction. */
  makeVersion5(): void {
    this.makeVersion4();
    this.sql(`PRAGMA user_version = 5;
      CREATE TABLE marks (user TEXT NOT NULL, room TEXT NOT NULL, log TEXT NOT NULL,
        seq INTEGER NOT NULL, changed INTEGER NOT NULL, guest INTEGER NOT NULL,
        PRIMARY KEY (user, room)) STRICT, WITHOUT ROWID;
      CREATE INDEX guest_marks ON marks (changed) WHERE guest = 1;
      INSERT INTO marks VALUES ('ada', 'lobby', 'log', 1, 1, 0);
      ALTER TABLE log ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE rooms ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE webhook ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
      CREATE TABLE revisions (room INTEGER NOT NULL, seq INTEGER NOT NULL, rev INTEGER NOT NULL,
        id INTEGER NOT NULL UNIQUE, row INTEGER NOT NULL, PRIMARY KEY (room, seq)) STRICT, WITHOUT ROWID;
      CREATE INDEX revisions_by_rev ON revisions (room, rev);
      CREATE TABLE revision_starts (room INTEGER NOT NULL, start INTEGER NOT NULL,
        rev INTEGER NOT NULL, PRIMARY KEY (room, start)) STRICT, WITHOUT ROWID;
      CREATE TABLE reactions (room INTEGER NOT NULL, seq INTEGER NOT NULL, user TEXT NOT NULL,
        reaction TEXT NOT NULL, PRIMARY KEY (room, seq, user, reaction)) STRICT, WITHOUT ROWID;
      CREATE INDEX reactions_by_user ON reactions (room, user, seq);
      INSERT INTO reactions VALUES (1, 1, 'ada', 'x');
      UPDATE rooms SET rev = 1; UPDATE log SET revision = 1;
      INSERT INTO revisions VALUES (1, 1, 1, 1, 1);
      UPDATE batches SET events = replace(events, '}]', ',"reactions":{"x":1},"rev":1}]');`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
