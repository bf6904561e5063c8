/**
 * The text of a batch as Redis keeps it and says it: its events without their `seq` and `at`, which
 * only Redis knows, and which every node puts in by itself. Redis is one for all nodes: what can be
 * done elsewhere is.
 *
 * @module
 */
import { atText, type Draft } from "../../protocol/encode.ts";
import { Batch } from "../page.ts";

/** Stands where an event's `seq` and `at` belong. JSON text cannot hold it (RFC 8259 §7). */
const PLACE = "\x01";

/** The text of a batch that has no place yet. */
export function drafted(drafts: readonly Draft[]): string {
  return drafts.map(({ head, rest }) => head + PLACE + rest).join(",\n");
}

/** The same of its events, or of one of them, once it has its place. @param first their first `seq`. */
export function placed(text: string, first: number, at: string): string {
  return fill(text.split(PLACE), first, at);
}

/**
 * A batch for those who read it; `undefined` if it does not hold the events from `first` to `last`, as
 * when it was not a node that published it.
 */
export function frameOf(text: string, first: number, last: number, at: string): Batch | undefined {
  const parts = text.split(PLACE);
  if (parts.length !== last - first + 2) return undefined;
  return Batch.fromArray(`[${fill(parts, first, at)}]`);
}

function fill([start = "", ...rests]: readonly string[], first: number, at: string): string {
  const middle = atText(at);
  let seq = first;
  return rests.reduce((before, rest) => before + seq++ + middle + rest, start);
}
