/**
 * The interface of a journal: the messages of all rooms and what became of them, in the one order in which
 * they were committed, for a reader that keeps its place in the store. A broker without such an order has no
 * journal.
 *
 * @module
 */

/**
 * A journal has one reader, such as a webhook. It gives the reader each message at least once: what was
 * read but not taken is read again, also after a restart. A message is read as it is now. After it was
 * revised, the reader also gets its newest state, as `revised`, in the place of the newest revision.
 */
export interface Journal {
  /**
   * Sets what is called after each commit: once, however many messages were stored. It must return at
   * once, and may not throw.
   */
  listen(committed: () => void): void;
  /**
   * Reads what comes after the reader's place. The place is the end of the log when the store is first
   * asked, and is kept from then on.
   *
   * @param upTo reads no further than an earlier excerpt did.
   * @returns `undefined` if there is no message.
   */
  read(upTo?: Place): Promise<Excerpt | undefined>;
  /** When the oldest message was stored that the reader has not taken; `undefined` if there is none. */
  waitingSince(): number | undefined;
  /**
   * Moves the reader's place. It is durable when this resolves. If this rejects, the place has moved
   * all the same, but a restart may put it back.
   */
  take(upTo: Place): Promise<void>;
}

/** A place between two messages of a journal. */
export interface Place {
  /** Grows with each commit, by one for each row of the store. */
  readonly row: number;
  /** Grows with each revision of a message. */
  readonly revision: number;
  /** When the message before it was stored, in milliseconds since 1970. */
  readonly at: number;
}

/** A part of a journal: at most about 65,536 characters, unless one message is longer. */
export interface Excerpt {
  /** The place after the excerpt. */
  readonly upTo: Place;
  /**
   * Texts of one or more records each: messages as the log has them, separated by commas, or a `revised`.
   * Where messages were pruned before the reader took them, there is a gap record.
   */
  readonly records: readonly string[];
  /** How many gap records there are. */
  readonly gaps: number;
  /** Whether the journal already has more. */
  readonly hasMore: boolean;
}
