/**
 * The `ref`s of the recent revisions of one room, and the digest of what each asked for. They are in memory only:
 * they are for revisions that were stuck in a connection, which does not outlive the process.
 *
 * @module
 */
export class RevisionRefs {
  readonly #size: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** @param size how many are remembered at least. At most twice as many are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Returns the digest that a user's `ref` was given; 0 if there is none. */
  get(userId: string, ref: string): number {
    const key = keyOf(userId, ref);
    return this.#young.get(key) ?? this.#old.get(key) ?? 0;
  }

  set(userId: string, ref: string, digest: number): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(keyOf(userId, ref), digest);
  }
}

function keyOf(userId: string, ref: string): string {
  return `${userId}\0${ref}`;
}
