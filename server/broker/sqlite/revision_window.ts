/**
 * A `RevisionWindow` remembers the digests of the recent revisions of one room by their `ref`s, in memory only.
 *
 * @module
 */
import { RefWindow } from "./ref_window.ts";

export class RevisionWindow {
  readonly #size: number;
  /** Gives each `ref` the number of its revision: a window forgets low numbers, and a digest is no number. */
  readonly #numbers: RefWindow;
  /** The digests of the newest revisions, each at its number modulo the size. */
  readonly #digests: number[] = [];
  #last = 0;

  /** @param size how many of the newest revisions are remembered. @param seeds see {@linkcode RefWindow}. */
  constructor(size: number, seeds: Uint32Array) {
    this.#size = size;
    this.#numbers = new RefWindow(size, seeds);
  }

  /** Returns the digest that a user's `ref` was given; 0 if none. */
  get(userId: string, ref: string): number {
    const number = this.#numbers.get(userId, ref);
    if (number === 0 || number <= this.#last - this.#size) return 0;
    return this.#digests[number % this.#size] ?? 0;
  }

  set(userId: string, ref: string, digest: number): void {
    this.#last++;
    this.#numbers.set(userId, ref, this.#last);
    this.#digests[this.#last % this.#size] = digest;
  }
}
