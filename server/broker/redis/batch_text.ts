/**
 * The text of a batch as Redis stores and publishes it: events without `seq` and `at`, which only Redis
 * knows. Each node fills them in, because all nodes share the one Redis: it should do as little as
 * possible.
 *
 * @module
 */
import { atText, type Draft } from "../../protocol/encode.ts";
import { Batch } from "../page.ts";

/** Stands for an event's `seq` and `at`. JSON text cannot contain it (RFC 8259 §7). */
const PLACEHOLDER = "\x01";

/** Encodes a batch without `seq` and `at`. */
export function textOf(drafts: readonly Draft[]): string {
  return drafts.map(({ head, rest }) => head + PLACEHOLDER + rest).join(",\n");
}

/**
 * Fills `seq` and `at` into the text of one or more events.
 *
 * @param first the `seq` of the first event.
 */
export function filled(text: string, first: number, at: string): string {
  return fill(text.split(PLACEHOLDER), first, at);
}

/**
 * Takes `seq` and `at` out of an event, and the number of its `rev`, which must be the last field.
 *
 * @returns what comes before that number: the script writes it, and closes the event.
 */
export function unnumberedText(event: string, seq: number, at: number): string {
  return withoutPlace(event.slice(0, event.lastIndexOf(":") + 1), seq, at);
}

/** Takes `seq` and `at` out of an event. */
export function withoutPlace(event: string, seq: number, at: number): string {
  const middle = `${seq}${atText(at)}`;
  const place = event.indexOf(`"seq":${middle}`) + '"seq":'.length;
  return event.slice(0, place) + PLACEHOLDER + event.slice(place + middle.length);
}

/** Makes a batch; `undefined` if the text does not hold the events from `first` to `last`. */
export function batchOf(text: string, first: number, last: number, at: string): Batch | undefined {
  const parts = text.split(PLACEHOLDER);
  if (parts.length !== last - first + 2) return undefined;
  return Batch.fromArray(`[${fill(parts, first, at)}]`);
}

function fill([start = "", ...rests]: readonly string[], first: number, at: string): string {
  const middle = atText(at);
  let seq = first;
  return rests.reduce((before, rest) => before + seq++ + middle + rest, start);
}
