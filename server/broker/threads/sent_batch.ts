/**
 * A `SentBatch` is the form in which a tick's drafts cross to the storing thread. Copying many small strings
 * is slow: a batch of 200 drafts took 0.39 µs a draft as objects, 0.25 as a flat array, 0.4 (and as much again
 * to read) as JSON, and 0.12 as one text with separators.
 *
 * @module
 */
import type { Draft, Revision } from "../../protocol/encode.ts";
import { BrokerError } from "../broker_error.ts";

export interface SentBatch {
  /**
   * Of each run of drafts that have these in common, four values: how many they are, the room, the head, and
   * whether they ask for receipts. A batch is mostly one run.
   */
  readonly runs: readonly (number | string | boolean)[];
  /** Of each draft the user's id, the `ref` (empty if there is none) and the rest. A NUL ends each. */
  readonly text: string;
  /** The revisions by the index of their draft; `undefined` if there are none. */
  readonly revisions: ReadonlyMap<number, Revision> | undefined;
}

/** A draft in the storing thread. */
export interface ReceivedDraft extends Draft {
  /** Its place in the batch that it came with. */
  readonly index: number;
  /** What that batch is answered by. */
  readonly owner: object;
  seq: number;
}

/** Ends each field. No field has it: clients cannot send it, and JSON text never holds it. */
const END = "\0";

/** Writes a batch for the storing thread. */
export function sendBatch(batch: readonly Draft[]): SentBatch {
  const runs: (number | string | boolean)[] = [];
  let text = "";
  let revisions: Map<number, Revision> | undefined;
  let [count, lastRoom, lastHead, lastReceipt] = [0, "", "", false];
  let index = 0;
  for (const { room, head, receipt = false, userId, ref = "", rest, revision } of batch) {
    if (count > 0 && (room !== lastRoom || head !== lastHead || receipt !== lastReceipt)) {
      runs.push(count, lastRoom, lastHead, lastReceipt);
      count = 0;
    }
    lastRoom = room;
    lastHead = head;
    lastReceipt = receipt;
    count++;
    text += userId + END + ref + END + rest + END;
    if (revision !== undefined) (revisions ??= new Map()).set(index, revision);
    index++;
  }
  if (count > 0) runs.push(count, lastRoom, lastHead, lastReceipt);
  return { runs, text, revisions };
}

/**
 * Reads a batch in the storing thread.
 *
 * @throws {BrokerError} if a field held what ends it.
 */
export function receiveBatch(
  { runs, text, revisions }: SentBatch,
  owner: object,
): ReceivedDraft[] {
  const fields = text.split(END);
  const drafts: ReceivedDraft[] = [];
  for (let at = 0; at < runs.length; at += 4) {
    const [count, room, head, receipt] = runs.slice(at, at + 4);
    for (let left = Number(count); left > 0; left--) {
      const index = drafts.length;
      const ref = fields[3 * index + 1];
      drafts.push({
        room: String(room),
        userId: fields[3 * index] ?? "",
        ref: ref === "" ? undefined : ref,
        receipt: receipt === true,
        seq: 0,
        head: String(head),
        rest: fields[3 * index + 2] ?? "",
        revision: revisions?.get(index),
        index,
        owner,
      });
    }
  }
  if (fields.length !== 3 * drafts.length + 1) throw new BrokerError("A message holds a NUL.");
  return drafts;
}
