/**
 * A `LentBackup` is the copy of the store that a serving thread reads. There is one at a time.
 *
 * @module
 */
import type { Backup, Backups } from "../backups.ts";
import { BrokerError } from "../broker_error.ts";

export class LentBackup {
  readonly #backups: Backups | undefined;
  #backup: Backup | undefined;
  /** How many bytes of it are still to be read. */
  #unread = 0;
  #isOver = false;

  constructor(backups: Backups | undefined) {
    this.#backups = backups;
  }

  /** Makes a copy. @returns its bytes. @throws {BackupRefusal} if another one is being made or read. */
  async make(): Promise<number> {
    if (this.#backups === undefined) throw new BrokerError("There are no backups.");
    const backup = await this.#backups.make();
    this.#backup = backup;
    this.#unread = backup.bytes;
    if (this.#isOver) this.end();
    return backup.bytes;
  }

  /** Returns the next bytes, and ends the copy after the last ones; then `null`. */
  async next(): Promise<Uint8Array | null> {
    const view = await this.#backup?.next() ?? null;
    if (view === null) return null;
    const piece = view.slice(); // a view would take the whole along, and is empty when the copy has ended
    this.#unread -= piece.length;
    // Whoever has read all of it can have another one at once, from any thread.
    if (this.#unread <= 0) this.end();
    return piece;
  }

  /** Ends the copy, which may not have been read to its end. */
  end(): void {
    this.#backup?.[Symbol.dispose]();
    this.#backup = undefined;
  }

  /** Ends the copy, and one that is being made. */
  close(): void {
    this.#isOver = true;
    this.end();
  }
}
