/**
 * The lines of an export, as they are read: each is checked, and refused by its number and its field.
 *
 * @module
 */
import type { ArchivedMessage, Reaction, RoomHead } from "../broker/archive.ts";
import type { Sanction } from "../broker/orders.ts";
import type { RetainedEvent } from "../broker/retained.ts";
import { OptionError } from "../options.ts";
import {
  ANY_JSON,
  BOOLEAN,
  COUNT,
  INFO,
  isRecord,
  oneOf,
  optional,
  REACTION,
  record,
  REF,
  required,
  type Rule,
  SENDER_ID,
  SEQ,
  TEXT,
} from "../protocol/rules.ts";

/** A line of an export. */
export type Line =
  | { readonly kind: "parley"; readonly version: number }
  | { readonly kind: "room"; readonly room: RoomHead }
  | { readonly kind: "message"; readonly message: ArchivedMessage; readonly room: string }
  | { readonly kind: "reaction"; readonly reaction: Reaction }
  | { readonly kind: "retained"; readonly retained: RetainedEvent; readonly room: string }
  | { readonly kind: "mark"; readonly userId: string; readonly room: string; readonly seq: number }
  | { readonly kind: "sanction"; readonly sanction: Sanction }
  | { readonly kind: "end"; readonly messages?: number; readonly rooms?: number };

/**
 * The names of rooms and users are not checked as for a command: older servers accepted others. The store
 * begins the names of rooms that were erased with U+0001.
 */
const OLD_NAME: Rule = {
  ...TEXT,
  accepts: (value) =>
    TEXT.accepts(value) && /^[^]{1,256}$/.test(String(value)) &&
    !String(value).startsWith("\u0001"),
  expects: "1 to 256 characters",
};

/** Whom a sanction is for, as orders.ts writes it. */
const SUBJECT: Rule = {
  ...OLD_NAME,
  accepts: (value) =>
    OLD_NAME.accepts(value) && /^(?:user|moderated|address) ./.test(String(value)),
  expects: '"user <id>", "moderated <id>" or "address <group>"',
};

/** The file has 32 bits for a `seq`. */
const MAX_SEQ = 0xffff_ffff;
const upToMaxSeq = (rule: Rule): Rule => ({
  ...rule,
  accepts: (value) => rule.accepts(value) && Number(value) <= MAX_SEQ,
  expects: `${rule.expects} to ${MAX_SEQ}`,
});

const USER = record('a user: {"id": text, "name": text, "info"?: JSON, "guest"?: true}', {
  id: required(SENDER_ID),
  name: required(OLD_NAME),
  info: optional(INFO),
  guest: optional(BOOLEAN),
});

const REACTIONS: Rule = {
  accepts: (value) =>
    isRecord(value) &&
    Object.entries(value).every(([name, count]) => REACTION.accepts(name) && SEQ.accepts(count)),
  expects: "an object of reactions and how many there are of each",
  schema: {},
};

const OR_NULL = (rule: Rule): Rule => ({
  ...rule,
  accepts: (value) => value === null || rule.accepts(value),
  expects: `${rule.expects}, or null`,
});

type Fields = Readonly<Record<string, Rule & { readonly required: boolean }>>;

const MESSAGE: Fields = {
  type: required(oneOf("chat", "custom")),
  room: required(OLD_NAME),
  seq: required(upToMaxSeq(SEQ)),
  at: required(COUNT),
  name: optional(OLD_NAME),
  from: required(USER),
  payload: required(ANY_JSON),
  ref: optional(REF),
  replyTo: optional(SEQ),
  edited: optional(COUNT),
  deleted: optional(oneOf(true)),
  reactions: optional(REACTIONS),
  rev: optional(SEQ),
};

const RETAINED: Fields = {
  type: required(oneOf("custom")),
  room: required(OLD_NAME),
  name: required(OLD_NAME),
  from: required(USER),
  payload: required(ANY_JSON),
  ref: optional(REF),
};

const FIELDS: Readonly<Record<Line["kind"], Fields>> = {
  parley: { version: required(COUNT), at: optional(TEXT) },
  room: { name: required(OLD_NAME), head: required(upToMaxSeq(COUNT)), rev: required(COUNT) },
  message: MESSAGE,
  reaction: { seq: required(SEQ), user: required(SENDER_ID), reaction: required(REACTION) },
  retained: RETAINED,
  mark: { user: required(SENDER_ID), room: required(OLD_NAME), seq: required(COUNT) },
  sanction: {
    kind: required(oneOf("ban", "mute")),
    room: required(OLD_NAME),
    subject: required(SUBJECT),
    until: required(OR_NULL(COUNT)),
    guestId: optional(SENDER_ID),
  },
  end: { messages: optional(COUNT), rooms: optional(COUNT) },
};

/** Refuses a line. */
export function badLine(number: number, what: string): OptionError {
  return new OptionError(`Line ${number}: ${what}`);
}

/**
 * Reads a line.
 *
 * @param number its number, from 1.
 * @throws {OptionError} that names the line and the field.
 */
export function parseLine(text: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badLine(number, "it must be JSON.");
  }
  const [[kind, content] = [], ...others] = isRecord(value) ? Object.entries(value) : [];
  if (others.length > 0 || !isKind(kind) || !isRecord(content)) {
    throw badLine(number, `it must be an object with one of ${Object.keys(FIELDS).join(", ")}.`);
  }
  for (const [name, rule] of Object.entries(FIELDS[kind])) {
    if (content[name] === undefined ? !rule.required : rule.accepts(content[name])) continue;
    throw badLine(number, `field "${name}" must be ${rule.expects}.`);
  }
  const unknown = Object.keys(content).find((name) => !Object.hasOwn(FIELDS[kind], name));
  if (unknown !== undefined) throw badLine(number, `there is no field "${unknown}" in a ${kind}.`);
  return lineOf(kind, content, number);
}

function isKind(kind: string | undefined): kind is Line["kind"] {
  return kind !== undefined && Object.hasOwn(FIELDS, kind);
}

/** Makes a line of fields that were checked. The casts state what FIELDS says of them. */
function lineOf(kind: Line["kind"], fields: Record<string, unknown>, number: number): Line {
  switch (kind) {
    case "parley":
      return { kind, version: Number(fields.version) };
    case "room": {
      const [head, rev] = [Number(fields.head), Number(fields.rev)];
      return { kind, room: { name: String(fields.name), head, rev } };
    }
    case "message":
      return { kind, message: messageOf(fields, number), room: String(fields.room) };
    case "reaction": {
      const [userId, reaction] = [String(fields.user), String(fields.reaction)];
      return { kind, reaction: { seq: Number(fields.seq), userId, reaction } };
    }
    case "retained": {
      const event = JSON.stringify(fields);
      const retained = { name: String(fields.name), event, isRemoval: false };
      return { kind, retained, room: String(fields.room) };
    }
    case "mark": {
      const [userId, room] = [String(fields.user), String(fields.room)];
      return { kind, userId, room, seq: Number(fields.seq) };
    }
    case "sanction":
      return { kind, sanction: fields as unknown as Sanction };
    case "end":
      return { kind, ...fields };
  }
}

/** Writes a message in the order of fields that every store has. */
function messageOf(fields: Record<string, unknown>, number: number): ArchivedMessage {
  const { type, room, seq, at, rev, ...rest } = fields;
  if (type === "chat" && typeof fields.payload !== "string") {
    throw badLine(number, 'field "payload" must be text.');
  }
  if (type === "custom" && fields.name === undefined) {
    throw badLine(number, `field "name" must be ${OLD_NAME.expects}.`);
  }
  const { from } = fields as { readonly from: { readonly id: string } };
  return {
    seq: Number(seq),
    at: Number(at),
    rev: Number(rev ?? 0),
    userId: from.id,
    ref: fields.ref === undefined ? undefined : String(fields.ref),
    text: JSON.stringify({ type, room, seq, at, ...rest, ...(rev !== undefined && { rev }) }),
  };
}
