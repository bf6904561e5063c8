/**
 * The interface for copies of a store that are made while it is used.
 *
 * @module
 */
import { BrokerError } from "./broker_error.ts";

/** Makes copies of the store: one at a time. */
export interface Backups {
  /**
   * Makes a copy and verifies it. What is committed meanwhile may be in it or not: the copy holds
   * everything up to one commit. Dispose of it when it was read.
   *
   * @throws {BackupRefusal} if no copy can be made now, and the server goes on.
   */
  make(): Promise<Backup>;
}

/** How many bytes of a copy are read at once. A client that takes them slowly makes the server keep no more. */
export const PIECE_BYTES = 262_144;

/** A copy that is complete. */
export interface Backup extends Disposable {
  readonly bytes: number;
  /**
   * Returns the next bytes, `PIECE_BYTES` at most; `null` at the end. They may be a view of the copy itself,
   * which is empty after that was disposed of.
   */
  next(): Promise<Uint8Array | null>;
}

/** Why no copy is made. */
export type BackupProblem =
  /** Another one is being made or read. */
  | "busy"
  /** The disk has no room for it. */
  | "full"
  /** It was given up, or turned out to be damaged. */
  | "failed";

/** No copy was made. The message says why. */
export class BackupRefusal extends BrokerError {
  readonly problem: BackupProblem;

  constructor(problem: BackupProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}
