/**
 * The only writer of wire text.
 *
 * @module
 */
import type { Event, Message } from "./messages.ts";

/**
 * A message on its way into the log: complete but for `seq` and `at`, which the broker writes
 * between `head` and `rest`. What comes out is stored, sent and replayed as it is.
 */
export interface Draft {
  readonly room: string;
  /** The sender's id: `ref` is unique for a person in a room. */
  readonly userId: string;
  readonly ref: string | undefined;
  /** Whether the sender, not being in the room, has to be told where its message is. */
  readonly receipt?: boolean;
  /** `{"type":…,"room":…,"seq":` */
  readonly head: string;
  /** `"from":…,"payload":…}` */
  readonly rest: string;
}

/** The text of a draft's event, once it has its place. */
export function numbered(draft: Draft, seq: number, at: number): string {
  return `${draft.head}${seq},"at":${at},${draft.rest}`;
}

/** The beginning of every message of that type in that room. */
export function messageHead(type: Message["type"], room: string): string {
  return `{"type":"${type}","room":${JSON.stringify(room)},"seq":`;
}

/** What follows `seq` and `at` in a `chat` event. @param from the sender as JSON. */
export function chatRest(from: string, payload: string, ref: string | undefined): string {
  return `"from":${from},"payload":${jsonOf(payload)}${refTail(ref)}`;
}

/** The end of a message's text. */
export function refTail(ref: string | undefined): string {
  return ref === undefined ? "}" : `,"ref":${jsonOf(ref)}}`;
}

/** What JSON leaves as it is: most of what people say in English, and every usual `ref`. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Text as JSON. To look first takes half as long as to ask `JSON` at once. */
function jsonOf(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** An event as text. */
export function encode(event: Event): string {
  return JSON.stringify(event);
}
