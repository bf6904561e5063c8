/**
 * Finds out whether the database takes what is written, by writing something that changes nothing.
 *
 * @module
 */
import { BrokerError, FullError } from "../broker_error.ts";
import type { StoreTrouble } from "../store_health.ts";
import { isDiskFull, type Statements } from "./statements.ts";

/** A probe needs as much free space as a message of so many characters. */
export const PROBE_CHARS = 1024;

/** Writes a page. Two changes undo each other; one that changes nothing would not be written. */
export function touch(sql: Statements): void {
  sql.transact(() => [1, -1].forEach((by) => sql.touch.run(by)));
}

/** Says what an attempt to write came to. */
export function troubleOf(write: () => void): StoreTrouble | undefined {
  try {
    write();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof FullError) return "database_full";
    if (thrown instanceof BrokerError) return "database_gone";
    return isDiskFull(thrown) ? "disk_full" : "store_failed";
  }
}
