/**
 * The newest messages of one room that carried a `ref`, so that a repeated one is recognised. The
 * window is bounded and lies in memory only: the log's own tail is what it is rebuilt from. An index
 * on disk would cost a random page write for every message.
 *
 * @module
 */

/** By person and then by `ref`: no key has to be put together, and so none to be hashed anew. */
type Refs = Map<string, Map<string, number>>;

export class RefWindow {
  readonly #size: number;
  #young: Refs = new Map();
  #old: Refs = new Map();
  #youngCount = 0;

  /** @param size how many messages are remembered at the least; at most twice as many are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The `seq` that this person's `ref` was given. */
  get(userId: string, ref: string): number | undefined {
    return this.#young.get(userId)?.get(ref) ?? this.#old.get(userId)?.get(ref);
  }

  add(userId: string, ref: string, seq: number): void {
    if (this.#youngCount >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCount = 0;
    }
    let refs = this.#young.get(userId);
    if (refs === undefined) this.#young.set(userId, refs = new Map());
    refs.set(ref, seq);
    this.#youngCount++;
  }

  /** Forgets what was added for a batch that was not committed after all. */
  remove(userId: string, ref: string): void {
    this.#young.get(userId)?.delete(ref);
    this.#old.get(userId)?.delete(ref);
  }
}
