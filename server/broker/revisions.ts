/**
 * What a revision comes to. Every broker asks here within its commit, so that revisions that race on
 * several nodes end alike for everybody.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Draft, revisedText, type Revision } from "../protocol/encode.ts";
import type { Message } from "../protocol/messages.ts";
import { conflict, Refusal } from "../protocol/refusal.ts";
import { MAX_REACTIONS, MAX_REACTIONS_IN_ALL } from "../protocol/tables.ts";
import { Batch } from "./page.ts";

/** A message as a revision has left it. */
export interface RevisedMessage {
  readonly seq: number;
  /** The revision of the room that made it so. */
  readonly rev: number;
  /** The message's text as it is now. */
  readonly message: string;
}

/** Which revised messages to read. */
export interface RevisedRange {
  /** Those that were revised after this `rev` … */
  readonly after: number;
  /**
   * … and have a `seq` up to this one.
   *
   * @default {Infinity}
   */
  readonly upToSeq?: number;
  /** How many at most. */
  readonly limit: number;
  /**
   * About how many characters at most. There is at least one message, however long it is.
   *
   * @default {Infinity}
   */
  readonly chars?: number;
}

/** Which of a user's own reactions to read: those to the messages with `after < seq <= upTo`. */
export interface ReactionRange {
  readonly after: number;
  /** @default {Infinity} */
  readonly upTo?: number;
  /** How many reactions at most. Those to the newest messages come first. */
  readonly limit: number;
}

/** What a user asks to become of a message. */
export interface RevisionDraft extends Draft {
  readonly revision: Revision;
}

/** Encodes what became of messages as `revised` events. */
export function revisedBatch(room: string, messages: readonly RevisedMessage[]): Batch {
  return Batch.fromEvents(messages.map(({ rev, message }) => revisedText(room, rev, message)));
}

/** Makes the draft of a revision. */
export function revisionDraft(
  room: string,
  userId: string,
  revision: Revision,
  ref: string | undefined,
): RevisionDraft {
  const rest = revision.kind === "delete" ? "" : revision.payload;
  return { room, userId, ref, head: "", rest, revision };
}

/** Tells a revision from a message. */
export function isRevision<D extends Draft>(draft: D): draft is D & RevisionDraft {
  return draft.revision !== undefined;
}

/**
 * Digests what a revision asks for to 32 bits, never 0. A broker remembers it under the user's `ref`, and so
 * recognises a revision that comes again: it may be late, and must not undo a newer one.
 */
export function digestOf(revision: Revision): number {
  const { isManager: _isManager, ...asked } = { ...revision, maxAgeMs: 0 };
  return createHash("sha1").update(JSON.stringify(asked)).digest().readUInt32LE() || 1;
}

/**
 * Tells whether a revision was carried out before.
 *
 * @param known the digest that its `ref` was given; 0 if there is none.
 * @throws {Refusal} `conflict` if its `ref` belongs to another revision.
 */
export function isRepeated({ revision }: RevisionDraft, known: number): boolean {
  if (known !== 0 && known !== digestOf(revision)) throw conflict();
  return known !== 0;
}

/** Makes the refusal of a revision of a message that does not exist, or is not kept any more. */
export function noSuchMessage(seq: number): Refusal {
  const sentence = `There is no message ${seq} in this room, or it is not kept any more.`;
  return new Refusal("not_found", sentence, { field: "seq" });
}

/** A message while the revisions of one commit are applied to it, one after the other. */
export class Revisable {
  readonly #message: Message;
  readonly #reactions: Map<string, number>;
  #payload: Message["payload"];
  #editedAt: number | undefined;
  #isDeleted: boolean;
  #isChanged = false;
  #hasLostText = false;

  /** @param text of the message as it is stored. */
  constructor(text: string) {
    const message: Message = JSON.parse(text);
    this.#message = message;
    this.#payload = message.payload;
    this.#editedAt = message.type === "chat" ? message.edited : undefined;
    this.#isDeleted = message.deleted === true;
    this.#reactions = new Map(Object.entries(message.reactions ?? {}));
  }

  /** The revision that the message had before; 0 if it had none. */
  get rev(): number {
    return this.#message.rev ?? 0;
  }

  /** Whether a revision has changed something. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Whether a revision has replaced the text, which is then to be nowhere any more. */
  get hasLostText(): boolean {
    return this.#hasLostText;
  }

  /** Whether the message is deleted, so that nobody's reaction to it is kept. */
  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /**
   * Applies a revision.
   *
   * @param at when it is committed, in milliseconds since 1970.
   * @param hasReacted whether the user has reacted in that way. It is asked of a reaction only.
   * @returns whether it has changed anything.
   * @throws {Refusal} `forbidden`, `conflict`
   */
  apply({ userId, revision }: RevisionDraft, at: number, hasReacted: () => boolean): boolean {
    if (revision.kind !== "react") this.#assertMay(userId, revision, at);
    if (this.#isDeleted && revision.kind !== "delete") {
      throw new Refusal("conflict", "The message was deleted.", { field: "seq" });
    }
    const hasChanged = this.#change(revision, at, hasReacted);
    this.#isChanged ||= hasChanged;
    this.#hasLostText ||= hasChanged && revision.kind !== "react";
    return hasChanged;
  }

  /** Writes the message as it is now, under that revision. */
  text(rev: number): string {
    const { edited: _edited, deleted: _deleted, reactions: _reactions, rev: _rev, ...said } =
      // A cast: of a `custom`, `edited` is not there.
      this.#message as Message & { readonly edited?: number };
    return JSON.stringify({
      ...said,
      payload: this.#payload,
      ...(this.#editedAt !== undefined && { edited: this.#editedAt }),
      ...(this.#isDeleted && { deleted: true }),
      ...(this.#reactions.size > 0 && { reactions: Object.fromEntries(this.#reactions) }),
      rev,
    });
  }

  #assertMay(
    userId: string,
    { isManager, maxAgeMs }: Exclude<Revision, { kind: "react" }>,
    at: number,
  ): void {
    if (isManager) return;
    if (this.#message.from.id !== userId) {
      const sentence = 'You may change only what you said yourself: you need the right "manage".';
      throw new Refusal("forbidden", sentence, { field: "seq" });
    }
    if (at - this.#message.at > maxAgeMs) {
      const sentence = `You may change what you said for ${maxAgeMs / 1000} seconds only.`;
      throw new Refusal("forbidden", sentence, { field: "seq" });
    }
  }

  #change(revision: Revision, at: number, hasReacted: () => boolean): boolean {
    switch (revision.kind) {
      case "edit":
        return this.#edit(revision.payload, at);
      case "delete":
        return this.#delete();
      case "react":
        return revision.on !== hasReacted() && this.#react(revision.payload, revision.on);
    }
  }

  #edit(payload: string, at: number): boolean {
    if (this.#message.type !== "chat") {
      const sentence = `Only a "chat" can be edited, and this is a "${this.#message.type}".`;
      throw new Refusal("conflict", sentence, { field: "seq" });
    }
    if (payload === this.#payload) return false;
    this.#payload = payload;
    this.#editedAt = at;
    return true;
  }

  #delete(): boolean {
    if (this.#isDeleted) return false;
    this.#isDeleted = true;
    this.#payload = this.#message.type === "chat" ? "" : null;
    this.#editedAt = undefined;
    this.#reactions.clear();
    return true;
  }

  #react(reaction: string, on: boolean): boolean {
    const count = this.#reactions.get(reaction) ?? 0;
    if (on && count === 0 && this.#reactions.size >= MAX_REACTIONS) {
      const sentence = `A message may have at most ${MAX_REACTIONS} different reactions.`;
      throw new Refusal("conflict", sentence, { field: "payload" });
    }
    if (on && this.#countReactions() >= MAX_REACTIONS_IN_ALL) {
      const sentence = `A message may have at most ${MAX_REACTIONS_IN_ALL} reactions.`;
      throw new Refusal("conflict", sentence, { field: "payload" });
    }
    if (on) this.#reactions.set(reaction, count + 1);
    else if (count > 1) this.#reactions.set(reaction, count - 1);
    else this.#reactions.delete(reaction);
    return true;
  }

  #countReactions(): number {
    let all = 0;
    for (const count of this.#reactions.values()) all += count;
    return all;
  }
}
