/**
 * The newest messages of one room that carried a `ref`, so that a repeated one is recognised. The
 * window is bounded and lies in memory only: the log's own tail is what it is rebuilt from. An index
 * on disk would cost a random page write for every message.
 *
 * @module
 */
export class RefWindow {
  readonly #size: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** @param size how many messages are remembered at the least; at most twice as many are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The `seq` that this person's `ref` was given. */
  get(userId: string, ref: string): number | undefined {
    const key = keyOf(userId, ref);
    return this.#young.get(key) ?? this.#old.get(key);
  }

  add(userId: string, ref: string, seq: number): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(keyOf(userId, ref), seq);
  }

  /** Forgets what was added for a batch that was not committed after all. */
  remove(userId: string, ref: string): void {
    this.#young.delete(keyOf(userId, ref));
    this.#old.delete(keyOf(userId, ref));
  }
}

/** Neither may contain NUL, so no two pairs share a key. */
function keyOf(userId: string, ref: string): string {
  return `${userId}\0${ref}`;
}
