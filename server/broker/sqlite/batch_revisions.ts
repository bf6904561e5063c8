/**
 * The revisions of one batch. They are applied one after the other, and each message that they change
 * then gets one `rev`, however many there were.
 *
 * @module
 */
import { type Draft, revisedText } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Receipt } from "../broker.ts";
import {
  digestOf,
  isRepeated,
  noSuchMessage,
  Revisable,
  type RevisionDraft,
} from "../revisions.ts";
import type { Log } from "./log_cache.ts";
import type { Addition, ReactionChange, RevisedRow } from "./additions.ts";
import type { RefWindows } from "./ref_windows.ts";
import type { SqliteStore } from "./store.ts";

/** A message that is asked to change. */
interface Target {
  readonly addition: Addition;
  readonly seq: number;
  readonly message: Revisable;
  readonly before: string;
  readonly reactions: Map<string, ReactionChange>;
  /** The message as it is at the end of the batch, and its revision. */
  after: { readonly rev: number; readonly text: string; readonly event: string } | undefined;
}

/** A revision that was not refused, and the index of its receipt. */
interface Asked {
  readonly index: number;
  readonly target: Target;
}

export class BatchRevisions<D extends Draft> {
  readonly #store: SqliteStore;
  readonly #refs: RefWindows;
  readonly #at: number;
  readonly #targets = new Map<string, Target>();
  readonly #asked: Asked[] = [];
  /** The digests of this batch's revisions, by room, user and `ref`. */
  readonly #given = new Map<string, number>();

  constructor(store: SqliteStore, refs: RefWindows, at: number) {
    this.#store = store;
    this.#refs = refs;
    this.#at = at;
  }

  /** Applies a revision, and adds its receipt, which is not complete yet. */
  apply(draft: D & RevisionDraft, addition: Addition, receipts: Receipt<D>[]): void {
    const { userId, revision } = draft;
    const { seq } = revision;
    try {
      const target = this.#targetAt(seq, addition);
      const hasReacted = () =>
        revision.kind === "react" && this.#hasReacted(target, userId, revision.payload);
      const isRepeated = this.#isRepeated(draft);
      const hasChanged = !isRepeated && target.message.apply(draft, this.#at, hasReacted);
      if (hasChanged && revision.kind === "react") {
        const { payload: reaction, on } = revision;
        target.reactions.set(`${userId}\0${reaction}`, { userId, reaction, on });
      }
      if (draft.ref !== undefined && !isRepeated) {
        this.#given.set(refKeyOf(draft), digestOf(revision));
      }
      this.#asked.push({ index: receipts.length, target });
      receipts.push({ draft, seq, event: "", repeated: !hasChanged });
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      receipts.push({ draft, seq, event: "", repeated: true, refusal });
    }
  }

  /**
   * Numbers the messages that have changed. One that is stored by the same batch is replaced there, and
   * the receipts of messages get the texts of now.
   */
  number(receipts: Receipt<D>[]): readonly RevisedRow[] {
    const newest = new Map<Log, number>();
    const rows: RevisedRow[] = [];
    for (const target of this.#targets.values()) {
      const { addition: { log, first, events }, seq, message, reactions } = target;
      if (!message.isChanged) continue;
      const rev = (newest.get(log) ?? log.rev) + 1;
      newest.set(log, rev);
      const text = message.text(rev);
      target.after = { rev, text, event: revisedText(log.room, rev, text) };
      const isNew = seq >= first;
      if (isNew) events[seq - first] = text;
      const { isDeleted, hasLostText } = message;
      const state = { rev, message: text, isNew, isDeleted, hasLostText };
      rows.push({ log, seq, ...state, reactions: reactions.values() });
    }
    receipts.forEach((receipt, index) => {
      if (receipt.draft.revision !== undefined) return;
      const { after } = this.#targets.get(keyOf(receipt.draft.room, receipt.seq)) ?? {};
      if (after !== undefined) receipts[index] = { ...receipt, event: after.text };
    });
    return rows;
  }

  /** Completes the receipts of revisions, and remembers their `ref`s, when they are committed. */
  complete(receipts: Receipt<D>[]): void {
    for (const { index, target } of this.#asked) {
      const receipt = receipts[index];
      if (receipt === undefined) continue;
      const { room, userId, ref } = receipt.draft;
      const given = this.#given.get(refKeyOf(receipt.draft));
      if (ref !== undefined && given !== undefined) {
        this.#refs.ofRevisions(room).set(userId, ref, given);
        this.#given.delete(refKeyOf(receipt.draft)); // one that is repeated pushes no other out
      }
      const { addition: { log }, seq, message, before, after } = target;
      const event = after?.event ?? revisedText(log.room, message.rev, before);
      const mine = this.#store.revisions.ownReactions(log.id, seq, receipt.draft.userId);
      receipts[index] = { ...receipt, event, mine };
    }
  }

  /** @throws {Refusal} `conflict` */
  #isRepeated(draft: D & RevisionDraft): boolean {
    const { room, userId, ref } = draft;
    if (ref === undefined) return false;
    const known = this.#given.get(refKeyOf(draft)) ??
      this.#refs.ofRevisions(room).get(userId, ref);
    return isRepeated(draft, known);
  }

  /** @throws {Refusal} `not_found` */
  #targetAt(seq: number, addition: Addition): Target {
    const { log: { room }, first, events } = addition;
    const key = keyOf(room, seq);
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    const before = seq >= first ? events[seq - first] : this.#store.event(room, seq);
    if (before === undefined) throw noSuchMessage(seq);
    const target: Target = {
      addition,
      seq,
      message: new Revisable(before),
      before,
      reactions: new Map(),
      after: undefined,
    };
    this.#targets.set(key, target);
    return target;
  }

  #hasReacted({ addition: { log }, seq, reactions }: Target, userId: string, reaction: string) {
    return reactions.get(`${userId}\0${reaction}`)?.on ??
      this.#store.revisions.hasReacted(log.id, seq, userId, reaction);
  }
}

function refKeyOf({ room, userId, ref }: Draft): string {
  return `${userId}\0${ref}\0${room}`;
}

function keyOf(room: string, seq: number): string {
  return `${seq} ${room}`;
}
