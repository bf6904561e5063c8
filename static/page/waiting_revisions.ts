/**
 * `WaitingRevisions` holds the edits, deletions and reactions in one room that are not stored yet, and says
 * what their messages look like until then.
 *
 * @module
 */
import type { ChatEvent, ReviseCommand, Unsent } from "../client/mod.ts";

/** An edit, a deletion or a reaction. */
export type Revision = Extract<Unsent, ReviseCommand>;

const NONE: readonly Revision[] = [];

/** The revisions of one room. */
export class WaitingRevisions {
  readonly #bySeq = new Map<number, readonly Revision[]>();

  add(revision: Revision): void {
    this.#bySeq.set(revision.seq, [...this.of(revision.seq), revision]);
  }

  remove({ seq, ref }: Revision): void {
    const others = this.of(seq).filter((other) => other.ref !== ref);
    if (others.length > 0) this.#bySeq.set(seq, others);
    else this.#bySeq.delete(seq);
  }

  /** Returns those of a message, oldest first. */
  of(seq: number): readonly Revision[] {
    return this.#bySeq.get(seq) ?? NONE;
  }

  /** Returns a message with the text that it is to have. One that is to be deleted keeps its text. */
  edited(message: ChatEvent): ChatEvent {
    const edit = this.of(message.seq).findLast(({ type }) => type === "edit");
    if (edit?.payload === undefined || message.deleted) return message;
    return { ...message, payload: edit.payload, edited: message.edited ?? message.at };
  }

  /** Whether a message is to be deleted. */
  isRemoved(seq: number): boolean {
    return this.of(seq).some(({ type }) => type === "delete");
  }

  /** Returns what the user's own reactions to a message are to be, in place of `mine`. */
  reacted(seq: number, mine: readonly string[]): readonly string[] {
    return this.of(seq).reduce(afterReaction, mine);
  }
}

/** Returns the user's own reactions after a revision. */
export function afterReaction(mine: readonly string[], revision: Revision): readonly string[] {
  if (revision.type !== "react") return mine;
  const { payload, on = true } = revision;
  if (mine.includes(payload) === on) return mine;
  return on ? [...mine, payload] : mine.filter((one) => one !== payload);
}
