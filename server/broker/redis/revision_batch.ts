/**
 * The revisions of one room in a batch, worked out from what Redis has at this moment. Each message that
 * they change gets one `rev`, however many there were.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Draft, revisedText } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Receipt } from "../broker.ts";
import {
  digestOf,
  isRepeated,
  noSuchMessage,
  Revisable,
  type RevisedMessage,
  type RevisionDraft,
} from "../revisions.ts";
import { filled, unnumberedText } from "./batch_text.ts";

/** A revision of a batch, and the head of the log at its place in the batch. */
export interface PlacedRevision<D extends Draft> {
  readonly draft: D & RevisionDraft;
  readonly head: number;
}

/** A message that is asked to change. */
interface Target {
  readonly seq: number;
  readonly at: string;
  readonly rev: string;
  readonly message: Revisable;
  readonly before: string;
  /** The members of `reactions` that were changed, and whether they are there now. */
  readonly changes: Map<string, boolean>;
}

/** What became of a revision. */
type Outcome<D extends Draft> =
  & { readonly draft: D & RevisionDraft }
  & ({ readonly target: Target; readonly hasChanged: boolean } | { readonly refusal: Refusal });

/** Writes the beginning of the members of `reactions` that are about one user and one message. */
export function reactionsBy(userId: string, seq: number): string {
  // 16 digits hold every safe integer, so that the order of the text is that of the numbers.
  return `${userId}\0${String(seq).padStart(16, "0")}\0`;
}

/** Writes the field of `asked` for a user's `ref`. It tells nothing of the user, who may be erased. */
function askedField({ userId, ref }: Draft): string {
  return createHash("sha1").update(`${userId}\0${ref}`).digest("base64url");
}

export class RevisionBatch<D extends Draft> {
  readonly #revisions: readonly PlacedRevision<D>[];
  readonly #seqs: readonly number[];
  readonly #pairs: readonly string[];
  readonly #fields: readonly string[];
  #epoch = "";
  readonly #targets = new Map<number, Target>();
  /** Each user's own reactions to each message, by the beginning of their members. */
  readonly #own = new Map<string, Set<string>>();
  /** What is remembered of the batch's `ref`s, by the field of `asked`. */
  readonly #known = new Map<string, number>();
  /** What is to be remembered of them. */
  readonly #given = new Map<string, number>();
  #outcomes: readonly Outcome<D>[] = [];
  #changed: readonly Target[] = [];

  constructor(revisions: readonly PlacedRevision<D>[]) {
    this.#revisions = revisions;
    this.#seqs = [...new Set(revisions.map(({ draft }) => draft.revision.seq))];
    const pairs = revisions.map(({ draft }) => reactionsBy(draft.userId, draft.revision.seq));
    this.#pairs = [...new Set(pairs)];
    const withRef = revisions.filter(({ draft }) => draft.ref !== undefined);
    this.#fields = [...new Set(withRef.map(({ draft }) => askedField(draft)))];
  }

  /** The arguments of `TARGETS`. */
  get targets(): string[] {
    const seqs = this.#seqs.map(String);
    return [
      String(seqs.length),
      ...seqs,
      String(this.#fields.length),
      ...this.#fields,
      ...this.#pairs,
    ];
  }

  /** The epoch of the log that the messages were read from. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The newest revision that the messages had before. */
  get newestRev(): number {
    return Math.max(0, ...[...this.#targets.values()].map(({ message: { rev } }) => rev));
  }

  /** Whether there is anything to store. */
  get isChanged(): boolean {
    return this.#changed.length > 0 || this.#given.size > 0;
  }

  /** Applies the revisions, one after the other, to the answer of `TARGETS`. */
  apply([epoch, now, ...answer]: readonly unknown[]): void {
    this.#epoch = String(epoch);
    this.#targets.clear();
    this.#own.clear();
    this.#known.clear();
    this.#given.clear();
    this.#seqs.forEach((seq, index) => {
      const [event, at, rev] = answer.slice(3 * index, 3 * index + 3).map(String);
      if (event === undefined || event === "" || at === undefined || rev === undefined) return;
      const before = filled(event, seq, at);
      const message = new Revisable(before);
      this.#targets.set(seq, { seq, at, rev, message, before, changes: new Map() });
    });
    const refs = 3 * this.#seqs.length;
    this.#fields.forEach((field, index) => this.#known.set(field, Number(answer[refs + index])));
    const pairs = refs + this.#fields.length;
    this.#pairs.forEach((pair, index) => {
      const members = answer[pairs + index];
      const own = Array.isArray(members)
        ? members.map((one) => String(one).slice(pair.length))
        : [];
      this.#own.set(pair, new Set(own));
    });
    this.#outcomes = this.#revisions.map((revision) => this.#outcomeOf(revision, Number(now)));
    this.#changed = [...this.#targets.values()].filter(({ message }) => message.isChanged);
  }

  /** The last arguments of `REVISE`. */
  get changes(): string[] {
    const messages = this.#changed.flatMap(({ seq, at, rev, message }) => {
      const text = unnumberedText(message.text(0), seq, Number(at));
      return [String(seq), rev, message.isDeleted ? "1" : "", text];
    });
    const reactions = this.#changed.flatMap(({ seq, message, changes }) =>
      message.isDeleted
        ? []
        : [...changes].flatMap(([member, on]) => [String(seq), on ? "+" : "-", member])
    );
    const refs = [...this.#given].flatMap(([field, digest]) => [field, String(digest)]);
    const counts = [this.#changed.length, this.#given.size].map(String);
    return [this.#epoch, ...counts, ...messages, ...refs, ...reactions];
  }

  /**
   * Returns the messages that have changed, by `seq`.
   *
   * @param before the room's newest `rev` before they were stored.
   */
  revised(before: number): ReadonlyMap<number, RevisedMessage> {
    return new Map(this.#changed.map(({ seq, message }, index) => {
      const rev = before + index + 1;
      return [seq, { seq, rev, message: message.text(rev) }];
    }));
  }

  /** Makes the receipts. @param revised the messages that have changed. */
  receipts(revised: ReadonlyMap<number, RevisedMessage>): readonly Receipt<D>[] {
    return this.#outcomes.map(({ draft, ...outcome }): Receipt<D> => {
      const { seq } = draft.revision;
      if ("refusal" in outcome) {
        return { draft, seq, event: "", repeated: true, refusal: outcome.refusal };
      }
      const { message: { rev: revBefore }, before } = outcome.target;
      const { rev, message } = revised.get(seq) ?? { rev: revBefore, message: before };
      const event = revisedText(draft.room, rev, message);
      const own = this.#own.get(reactionsBy(draft.userId, seq)) ?? [];
      return { draft, seq, event, repeated: !outcome.hasChanged, mine: [...own].toSorted() };
    });
  }

  /** @throws {Refusal} `conflict` */
  #isRepeated(draft: D & RevisionDraft): boolean {
    return draft.ref !== undefined && isRepeated(draft, this.#known.get(askedField(draft)) ?? 0);
  }

  #remember(draft: D & RevisionDraft): void {
    const field = askedField(draft);
    if (this.#known.get(field)) return;
    const digest = digestOf(draft.revision);
    this.#known.set(field, digest);
    this.#given.set(field, digest);
  }

  /** Applies one revision. */
  #outcomeOf({ draft, head }: PlacedRevision<D>, now: number): Outcome<D> {
    const { userId, revision } = draft;
    const { seq } = revision;
    const target = seq <= head ? this.#targets.get(seq) : undefined;
    const pair = reactionsBy(userId, seq);
    const own = this.#own.get(pair);
    if (target === undefined || own === undefined) return { draft, refusal: noSuchMessage(seq) };
    try {
      const hasReacted = () => revision.kind === "react" && own.has(revision.payload);
      const hasChanged = !this.#isRepeated(draft) && target.message.apply(draft, now, hasReacted);
      if (draft.ref !== undefined) this.#remember(draft);
      if (hasChanged && revision.kind === "react") {
        target.changes.set(pair + revision.payload, revision.on);
        if (revision.on) own.add(revision.payload);
        else own.delete(revision.payload);
      } else if (target.message.isDeleted) {
        for (const { draft } of this.#revisions) {
          if (draft.revision.seq === seq) this.#own.get(reactionsBy(draft.userId, seq))?.clear();
        }
      }
      return { draft, target, hasChanged };
    } catch (refusal) {
      if (refusal instanceof Refusal) return { draft, refusal };
      throw refusal;
    }
  }
}
