/**
 * `RevisionRefs` remembers the recent `ref`s of one room's revisions, and a digest of what each asked for.
 *
 * @module
 */
import { RefWindow } from "./ref_window.ts";

export class RevisionRefs {
  readonly #size: number;
  /** The number of the revision that had the `ref`: 1 is the first one since the room was opened. */
  readonly #numbers: RefWindow;
  /** The digest of revision `n` is at `n % size`. */
  readonly #digests: number[] = [];
  #last = 0;

  /** @param size how many of the newest revisions are remembered. */
  constructor(size: number, seeds: Uint32Array) {
    this.#size = size;
    this.#numbers = new RefWindow(size, seeds);
  }

  /** Returns the digest of the revision that had a user's `ref`; 0 if there is none. */
  get(userId: string, ref: string): number {
    const number = this.#numbers.get(userId, ref);
    const isKept = number > Math.max(0, this.#last - this.#size);
    return isKept ? this.#digests[number % this.#size] ?? 0 : 0;
  }

  set(userId: string, ref: string, digest: number): void {
    const number = ++this.#last;
    this.#digests[number % this.#size] = digest;
    this.#numbers.set(userId, ref, number);
  }
}
