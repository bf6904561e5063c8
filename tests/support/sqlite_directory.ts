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

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
