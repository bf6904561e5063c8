/**
 * The only writer of wire text. All members of a room are sent the same text, so it is written once.
 *
 * @module
 */
import { MESSAGE_TYPES } from "./events.ts";
import type { Event, JoinedEvent, Message } from "./messages.ts";

/** Encodes an event as text. */
export function encode(event: Event): string {
  return JSON.stringify(event);
}

/** `Revision` is what is to become of a message. */
export type Revision =
  & {
    /** The message. */
    readonly seq: number;
    /** Whether it may be anyone's message: the user has the right `manage`. */
    readonly isManager: boolean;
  }
  & (
    | {
      readonly kind: "edit";
      readonly payload: string;
      /** How old one's own message may be, in milliseconds. `Infinity` is no limit. */
      readonly maxAgeMs: number;
    }
    | { readonly kind: "delete"; readonly maxAgeMs: number }
    | { readonly kind: "react"; readonly payload: string; readonly on: boolean }
  );

/**
 * A message that is not in the log yet. It is complete but for `seq` and `at`, which the broker writes
 * between `head` and `rest`. The text that results is stored, sent and replayed unchanged, until it is
 * revised.
 *
 * A draft with a `revision` is no message: it changes one that is stored. Its `head` is empty, and its
 * `rest` only says how long it is.
 */
export interface Draft {
  readonly room: string;
  /** The sender's id. A user uses a `ref` for one message of a room only. */
  readonly userId: string;
  readonly ref: string | undefined;
  /** True if the sender is not in the room, or the application wants to know the message's `seq`. */
  readonly receipt?: boolean;
  /** Its place in the log, which the broker sets. It holds once the broker has answered. */
  seq?: number;
  /** `{"type":…,"room":…,"seq":` */
  readonly head: string;
  /** `"from":…,"payload":…}` */
  readonly rest: string;
  readonly revision?: Revision | undefined;
}

/**
 * Writes the event of a draft that was committed.
 *
 * @param at when, in milliseconds since 1970.
 */
export function numbered(draft: Draft, seq: number, at: number): string {
  return draft.head + seq + atText(at) + draft.rest;
}

/** Writes what stands between the `seq` of a message and its rest. */
export function atText(at: number | string): string {
  return `,"at":${at},`;
}

/** Writes the beginning of every message of that type in that room. */
export function messageHead(type: Message["type"], room: string): string {
  return `{"type":"${type}","room":${JSON.stringify(room)},"seq":`;
}

/** The beginnings of a room's messages, by type. */
export type MessageHeads = Readonly<Record<Message["type"], string>>;

/** Writes the beginnings of all messages of a room. */
export function messageHeads(room: string): MessageHeads {
  const heads = MESSAGE_TYPES.map((type) => [type, messageHead(type, room)]);
  return Object.fromEntries(heads) as MessageHeads; // a cast: the list has every type
}

/** Matches the beginning of a message; its groups are the room, as JSON, and the `seq`. */
export const MESSAGE_HEAD: RegExp = new RegExp(
  `${typesPattern(MESSAGE_TYPES).source},"room":("(?:[^"\\\\]|\\\\.)*"),"seq":(\\d+)`,
);

/** Makes a pattern that matches the text of events of these types. */
export function typesPattern(types: readonly Event["type"][]): RegExp {
  return new RegExp(`^\\{"type":"(?:${types.join("|")})"`);
}

/**
 * Writes what follows `seq` and `at` in a `chat` event.
 *
 * @param from the sender as JSON.
 */
export function chatRest(
  from: string,
  payload: string,
  ref: string | undefined,
  replyTo?: number,
): string {
  const reply = replyTo === undefined ? "" : `,"replyTo":${replyTo}`;
  return `"from":${from},"payload":${jsonOf(payload)}${reply}${refTail(ref)}`;
}

/**
 * Writes a `revised` event.
 *
 * @param message the message as it is now.
 */
export function revisedText(room: string, rev: number, message: string): string {
  return `{"type":"revised","room":${JSON.stringify(room)},"rev":${rev},"message":${message}}`;
}

/** Writes for the user who asked a `revised` event, which {@linkcode revisedText} has written. */
export function revisedAnswer(
  event: string,
  mine: readonly string[],
  ref: string | undefined,
): string {
  return `${event.slice(0, -1)},"mine":${JSON.stringify(mine)}${refTail(ref)}`;
}

/** Matches the beginning of a `revised` event; its groups are the room, as JSON, and the `rev`. */
export const REVISED_HEAD = /^\{"type":"revised","room":("(?:[^"\\]|\\.)*"),"rev":(\d+)/;

/** The fields of a message that follow `seq` and `at`, without `ref`. */
type RestOf<T extends Message["type"]> = Omit<
  Extract<Message, { type: T }>,
  "type" | "room" | "seq" | "at" | "ref"
>;

/**
 * Writes what follows `seq` and `at` in a message of any type: `messageRest<"custom">({ … }, ref)`.
 * Name the type, so that the compiler can check the fields.
 */
export function messageRest<T extends Message["type"] = never>(
  fields: RestOf<NoInfer<T>>,
  ref: string | undefined,
): string {
  return JSON.stringify(fields).slice(1, -1) + refTail(ref);
}

/**
 * Writes an event of a room that is not stored.
 *
 * @param rest as {@linkcode messageRest} writes it.
 */
export function unnumbered(type: Message["type"], room: string, rest: string): string {
  return `{"type":"${type}","room":${JSON.stringify(room)},${rest}`;
}

/** Writes a `custom` event that is retained, as it is given to a client that joins. */
export function retainedText(event: string): string {
  return `${event.slice(0, -1)},"retained":true}`;
}

/**
 * Writes a `joined` event.
 *
 * @param members each user as JSON.
 */
export function joinedText(
  { room, epoch, seq, rev, recovered, mine, memberCount, right, limits, read, unread }: Omit<
    JoinedEvent,
    "type" | "members"
  >,
  members: readonly string[],
): string {
  return `{"type":"joined","room":${JSON.stringify(room)},"epoch":${JSON.stringify(epoch)},` +
    `"seq":${seq},"rev":${rev},"recovered":${recovered},` +
    `${mine === undefined ? "" : `"mine":${JSON.stringify(mine)},`}` +
    `"members":[${members}],"memberCount":${memberCount},` +
    `"right":"${right}"${limits === undefined ? "" : `,"limits":${JSON.stringify(limits)}`}` +
    `${read === undefined ? "" : `,"read":${read}`},"unread":${unread}}`;
}

/**
 * Writes the body of a page of history.
 *
 * @param page its messages are a JSON array, as the log has it.
 * @param mine the reader's own reactions, by `seq`.
 */
export function pageText(
  room: string,
  { epoch, head, rev, messages }: {
    readonly epoch: string;
    readonly head: number;
    readonly rev: number;
    readonly messages: string;
  },
  mine: Readonly<Record<string, readonly string[]>> | undefined,
): string {
  const own = mine === undefined ? "" : `,"mine":${JSON.stringify(mine)}`;
  return `{"room":${JSON.stringify(room)},"epoch":${JSON.stringify(epoch)},"head":${head},` +
    `"rev":${rev},"messages":${messages}${own}}`;
}

/**
 * Writes a room of a user's own list.
 *
 * @param last the text of the room's newest message, if it has one.
 */
export function myRoomText(
  name: string,
  head: number,
  read: number,
  last: string | undefined,
): string {
  return `{"name":${JSON.stringify(name)},"head":${head},"read":${read},"unread":${head - read}` +
    `${last === undefined ? "" : `,"last":${last}`}}`;
}

/** Writes the body of a user's own list of rooms, each of which {@linkcode myRoomText} has written. */
export function roomsText(rooms: readonly string[]): string {
  return `{"rooms":[${rooms.join(",\n")}]}`;
}

/**
 * Writes the body of a webhook's request: a `WebhookBody`.
 *
 * @param at when the newest of the messages was stored.
 * @param records each is one or more messages, or a gap record.
 */
export function webhookBody(at: number, records: readonly string[]): string {
  const timestamp = new Date(at).toISOString();
  return `{"type":"messages","timestamp":"${timestamp}","data":[${records.join(",\n")}]}`;
}

/** Writes a `GapRecord`. */
export function gapText(after: number, before: number): string {
  return `{"type":"gap","after":${after},"before":${before}}`;
}

/** The end of a message's text. */
function refTail(ref: string | undefined): string {
  return ref === undefined ? "}" : `,"ref":${jsonOf(ref)}}`;
}

/** Matches text that JSON leaves as it is: most English text, and every usual `ref`. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Encodes text as JSON. To test it first takes half as long as to call `JSON.stringify` at once. */
function jsonOf(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
