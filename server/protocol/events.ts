/**
 * The table of events: every field with its JSON Schema. The published schemas and the list of the
 * types in a room's log are derived from it, and the compiler checks it against `messages.ts`.
 *
 * @module
 */
import type { Event, Message } from "./messages.ts";
import { NAME } from "./names.ts";
import {
  BOOLEAN,
  COUNT,
  type FieldsOf,
  optional,
  REACTION,
  REF,
  reference,
  required,
  SEQ as PLACE,
  type Shape,
  TEXT,
} from "./rules.ts";
import { ERRORS, MAX_LISTED, MAX_REACTIONS, RIGHTS } from "./tables.ts";

export const STRING: Shape = { schema: { type: "string" } };
export const SENTENCE: Shape = described(STRING, "For people.");
export const ROOM: Shape = described(NAME, "A room's name.");
/** The newest `seq` of a room. */
export const HEAD: Shape = described(COUNT, "The room's newest message.");
export const CODE: Shape = { schema: { type: "string", enum: Object.keys(ERRORS) } };
export const DELAY: Shape = described(COUNT, "Milliseconds after which it is worth trying again.");

/** The newest `rev` of a room. */
export const HEAD_REV: Shape = described(COUNT, "The room's newest revision; 0 if there is none.");

const SEQ = described(PLACE, "Its place in the room: 1, 2, 3, no holes.");
const AT = described(COUNT, "Milliseconds since 1970 by the server's clock.");
/** A user's read mark in a room. */
export const MARK: Shape = described(COUNT, "The last message that the user has seen.");
const RIGHT: Shape = { schema: { type: "string", enum: [...RIGHTS] } };
const USER: Shape = { schema: reference("User") };
const REPLY_TO = described(PLACE, "The message that it answers.");
const OWN_REACTIONS: Shape = {
  schema: { type: "array", items: REACTION.schema, maxItems: MAX_REACTIONS },
};
/** One's own reactions to several messages. */
export const MINE: Shape = described({
  schema: {
    type: "object",
    propertyNames: { pattern: "^[1-9][0-9]*$" },
    additionalProperties: OWN_REACTIONS.schema,
  },
}, "One's own reactions to these messages, by seq.");
/** What has become of a message. */
const STATE = {
  deleted: optional({ schema: { const: true } }),
  reactions: optional(described({
    schema: {
      type: "object",
      propertyNames: REACTION.schema,
      additionalProperties: PLACE.schema,
      maxProperties: MAX_REACTIONS,
    },
  }, "How many users reacted, by reaction.")),
  rev: optional(described(PLACE, "The revision that made it what it is.")),
};

/** Every event. An event that has both `seq` and `at` is stored. */
export const EVENTS: {
  readonly [T in Event["type"]]: FieldsOf<Extract<Event, { type: T }>, Shape>;
} = {
  welcome: {
    at: required(AT),
    user: required(USER),
    token: optional(described(STRING, "A guest's secret: proves next time who one is.")),
    heartbeatSeconds: required({ schema: { type: "number", exclusiveMinimum: 0 } }),
    limits: required({ schema: reference("Limits") }),
  },
  joined: {
    room: required(ROOM),
    epoch: required(REF),
    seq: required(HEAD),
    rev: required(HEAD_REV),
    recovered: required(described(BOOLEAN, "False: forget the room, what follows is all.")),
    mine: optional(MINE),
    members: required({ schema: { type: "array", items: USER.schema, maxItems: MAX_LISTED } }),
    memberCount: required(COUNT),
    right: required(RIGHT),
    limits: optional({ schema: reference("RoomLimits") }),
    read: optional(MARK),
    unread: required(described(COUNT, "How many messages are above the mark; 0 without one.")),
  },
  chat: {
    room: required(ROOM),
    seq: required(SEQ),
    at: required(AT),
    from: required(USER),
    payload: required(TEXT),
    replyTo: optional(REPLY_TO),
    ref: optional(REF),
    edited: optional(described(AT, "When its text was last changed.")),
    ...STATE,
  },
  custom: {
    room: required(ROOM),
    seq: optional(SEQ),
    at: optional(AT),
    name: required(NAME),
    from: required(USER),
    payload: required({ schema: reference("Json") }),
    ref: optional(REF),
    retained: optional({ schema: { const: true } }),
    ...STATE,
  },
  revised: {
    room: required(ROOM),
    rev: required(described(COUNT, "The revision; 0 in an answer if there was none.")),
    message: required({ schema: reference("Message") }),
    ref: optional(REF),
    mine: optional(described(OWN_REACTIONS, "In an answer: one's own reactions to it.")),
  },
  system: {
    room: required(ROOM),
    payload: required(SENTENCE),
    kind: required({ schema: { type: "string", enum: ["joined", "left", "renamed", "count"] } }),
    user: optional(USER),
    memberCount: required(COUNT),
  },
  typing: { room: required(ROOM), from: required(USER), payload: required(BOOLEAN) },
  right: {
    room: required(ROOM),
    right: required(RIGHT),
    payload: optional(SENTENCE),
    seconds: optional({ schema: { type: "number", exclusiveMinimum: 0 } }),
  },
  read: { room: required(ROOM), seq: required(MARK), ref: optional(REF) },
  ping: { at: required(AT) },
  error: {
    code: required(CODE),
    payload: required(SENTENCE),
    field: optional(STRING),
    ref: optional(REF),
    room: optional(ROOM),
    retryAfterMs: optional(DELAY),
  },
  bye: { payload: required(SENTENCE), retryAfterMs: required(DELAY) },
};

/** The types of the events that may be in a room's log. */
export const MESSAGE_TYPES: readonly Message["type"][] = Object.keys(EVENTS).filter(isMessageType);

function isMessageType(type: string): type is Message["type"] {
  const fields = EVENTS[type as Event["type"]]; // a cast: the type is a key of the table
  return "seq" in fields && "at" in fields;
}

/** Adds a description to a shape. */
function described({ schema }: Shape, description: string): Shape {
  return { schema: { ...schema, description } };
}
