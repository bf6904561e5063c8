/**
 * A `SentOutcome` says what became of a batch, in the form in which it crosses back. It holds no text that
 * the serving thread has already.
 *
 * @module
 */
import type { Draft } from "../../protocol/encode.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { ErrorCode, LimitName } from "../../protocol/tables.ts";
import type { Receipt } from "../broker.ts";
import type { ReceivedDraft } from "./sent_batch.ts";

export interface SentOutcome {
  /**
   * The `seq` of each draft, as runs of two values: how many drafts follow each other, and the `seq` of the
   * first; 0 if they were not stored as messages.
   */
  readonly seqs: readonly number[];
  readonly receipts: readonly SentReceipt[];
}

type SentReceipt = Omit<Receipt<Draft>, "draft" | "refusal"> & {
  /** The index of the draft. */
  readonly index: number;
  readonly refusal?: SentRefusal;
};

interface SentRefusal {
  readonly code: ErrorCode;
  readonly sentence: string;
  readonly details: { field?: string; retryAfterMs?: number; limit?: LimitName };
}

/** Writes what became of a batch. */
export function sendOutcome(
  drafts: readonly ReceivedDraft[],
  receipts: readonly Receipt<ReceivedDraft>[],
): SentOutcome {
  const seqs: number[] = [];
  let [count, first] = [0, 0];
  for (const { seq } of drafts) {
    if (count > 0 && seq === (first === 0 ? 0 : first + count)) {
      count++;
      continue;
    }
    if (count > 0) seqs.push(count, first);
    [count, first] = [1, seq];
  }
  if (count > 0) seqs.push(count, first);
  return { seqs, receipts: receipts.map(sendReceipt) };
}

/** Reads what became of a batch: gives each draft its `seq`, and returns the receipts. */
export function receiveOutcome<D extends Draft>(
  batch: readonly D[],
  { seqs, receipts }: SentOutcome,
): readonly Receipt<D>[] {
  let index = 0;
  for (let at = 0; at < seqs.length; at += 2) {
    const [count = 0, first = 0] = [seqs[at], seqs[at + 1]];
    for (let n = 0; n < count; n++) {
      const draft = batch[index++];
      if (draft !== undefined && first > 0) draft.seq = first + n;
    }
  }
  return receipts.flatMap(({ index, refusal, ...rest }) => {
    const draft = batch[index];
    if (draft === undefined) return [];
    return { ...rest, draft, ...(refusal && { refusal: receiveRefusal(refusal) }) };
  });
}

function sendReceipt({ draft, refusal, ...rest }: Receipt<ReceivedDraft>): SentReceipt {
  const receipt = { ...rest, index: draft.index };
  if (refusal === undefined) return receipt;
  const { code, message: sentence, field, retryAfterMs, limit } = refusal;
  const details = {
    ...(field !== undefined && { field }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(limit !== undefined && { limit }),
  };
  return { ...receipt, refusal: { code, sentence, details } };
}

function receiveRefusal({ code, sentence, details }: SentRefusal): Refusal {
  return new Refusal(code, sentence, details);
}
