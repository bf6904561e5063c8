/**
 * `Mentions` knows which messages of a room mention the user.
 *
 * @module
 */
import type { ChatEvent } from "../client/mod.ts";
import type { KnownNames } from "./known_names.ts";

/** How many are remembered: the room list shows only whether there is one that is unread. */
const MAX_MENTIONS = 100;

/** The mentions in one room. */
export class Mentions {
  readonly #names: KnownNames;
  readonly #seqs = new Set<number>();

  constructor(names: KnownNames) {
    this.#names = names;
  }

  /**
   * Takes a message of somebody else over, or what became of it.
   *
   * @returns whether it mentions the user.
   */
  note({ seq, payload }: ChatEvent): boolean {
    const isMention = this.#names.mentionsUser(payload);
    if (isMention) this.#seqs.add(seq);
    else this.#seqs.delete(seq);
    const [oldest] = this.#seqs;
    if (this.#seqs.size > MAX_MENTIONS && oldest !== undefined) this.#seqs.delete(oldest);
    return isMention;
  }

  /** Returns whether there is one that the user, who has read up to `readSeq`, has not read. */
  isUnread(readSeq: number): boolean {
    for (const seq of this.#seqs) {
      if (seq > readSeq) return true;
      this.#seqs.delete(seq);
    }
    return false;
  }

  /** Forgets all: the log has begun anew. */
  clear(): void {
    this.#seqs.clear();
  }
}
