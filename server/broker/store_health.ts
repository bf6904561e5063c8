/**
 * How a broker says whether its store works, and how it is measured for the metrics.
 *
 * @module
 */

/** Why a store takes nothing, and what that means in a sentence. */
export const STORE_TROUBLES = {
  disk_full: "The disk is full.",
  database_full: "The database has reached --max-database-mb, and nothing can be pruned.",
  database_gone: "The database file was removed, replaced or truncated.",
  storing_thread_died: "The thread that stores has died.",
  redis_away: "Redis does not answer, or is only a replica.",
  redis_full: "Redis has reached its maxmemory.",
  store_stuck: "The store does not answer.",
  store_failed: "The store does not take what is written.",
} as const;

/** One of {@linkcode STORE_TROUBLES}. */
export type StoreTrouble = keyof typeof STORE_TROUBLES;

/** What is measured of a store. What it does not have is left out. */
export interface StoreGauges {
  /** The bytes in use. */
  readonly bytes?: number;
  /** How long a storing thread was busy with commits since its start, in seconds. */
  readonly busySeconds?: number;
  /** Whether a store on another machine is connected. */
  readonly isConnected?: boolean;
}

export interface StoreHealth {
  /**
   * Writes something that changes nothing, as durably as a message, to see whether messages could be
   * stored now. It takes about as long as a commit, and never rejects.
   *
   * @returns what is wrong; `undefined` if nothing is.
   */
  probe(): Promise<StoreTrouble | undefined>;
  /** Measures the store, quickly and without reaching out to it. */
  measure(): StoreGauges;
}
