/**
 * The protocol as JSON Schemas (2020-12): what the server itself publishes, made from the very table
 * that the parser walks, and for events from one that the compiler holds against their interfaces.
 *
 * Commands are closed, as the parser is: an unknown field is refused. Events are open: a client
 * passes over what it does not know, so that the next version may say more.
 *
 * @module
 */
import { COMMANDS, keepingFields } from "../../protocol/commands.ts";
import {
  CODE,
  DELAY,
  EVENTS,
  HEAD,
  HEAD_REV,
  MARK,
  MESSAGE_TYPES,
  MINE,
  ROOM,
  SENTENCE,
  STRING,
} from "../../protocol/events.ts";
import type {
  AnnouncedLimits,
  AnnouncedRate,
  AnnouncedRoomLimits,
  Cursor,
  User,
} from "../../protocol/messages.ts";
import { NAME } from "../../protocol/names.ts";
import { TROUBLES } from "../../monitoring/readiness.ts";
import { CUSTOM_FIELDS } from "../../protocol/publications.ts";
import { REQUESTS } from "../../protocol/requests.ts";
import {
  COUNT,
  type Field,
  type FieldsOf,
  optional,
  REF,
  reference,
  required,
  type Schema,
  type Shape,
  TEXT,
} from "../../protocol/rules.ts";
import { MAX_DEPTH } from "../../protocol/tables.ts";
import { MAX_MEMBERS } from "../../rooms/members.ts";

const USER: FieldsOf<User, Shape> = {
  id: required({ schema: { type: "string", minLength: 1 } }),
  name: required(NAME),
  info: optional({ schema: reference("Json") }),
  guest: optional({ schema: { const: true } }),
};

const CURSOR: FieldsOf<Cursor, Shape> = {
  epoch: required(REF),
  seq: required(COUNT),
  rev: optional(COUNT),
};

const RATE: Shape = { schema: { type: "number", minimum: 0 } };

const RATES: FieldsOf<AnnouncedRate, Shape> = { rate: required(RATE), burst: required(COUNT) };

const LIMITS: FieldsOf<AnnouncedLimits, Shape> = {
  ...RATES,
  frameBytes: required(COUNT),
  roomsPerConnection: required(COUNT),
  editSeconds: required(RATE),
};

const PROBLEM = {
  code: required(CODE),
  detail: required(SENTENCE),
  field: optional(STRING),
  retryAfterMs: optional(DELAY),
};

/** The two forms of what an application says. */
const FORMS: readonly Schema[] = [
  {
    title: "A text",
    properties: {
      type: { const: "chat" },
      payload: TEXT.schema,
      ...Object.fromEntries(CUSTOM_FIELDS.map((field) => [field, false])),
    },
  },
  {
    title: "An event of the application",
    properties: { type: { const: "custom" }, replyTo: false },
    required: ["type", "name"],
    not: {
      properties: { durable: { const: true }, retain: { const: true } },
      required: ["durable", "retain"],
    },
  },
];

const ROOM_LIMITS: FieldsOf<AnnouncedRoomLimits, Shape> = {
  commands: optional({ schema: reference("Rate") }),
  signals: optional({ schema: reference("Rate") }),
  slowSeconds: optional(RATE),
};

/** A message of a log. */
const MESSAGE: Schema = {
  oneOf: MESSAGE_TYPES.map((type) => reference(nameOf(type, "Event"))),
};

/** `chat`, `Event` → `ChatEvent` */
export function nameOf(type: string, kind: "Command" | "Event"): string {
  return type.charAt(0).toUpperCase() + type.slice(1) + kind;
}

/** Everything that a document may refer to. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  User: object(USER),
  Cursor: object(CURSOR),
  Limits: object(LIMITS),
  RoomLimits: object(ROOM_LIMITS),
  Rate: object(RATES),
  Json: {
    description: `Any JSON of well-formed text without NUL, nested at most ${MAX_DEPTH} deep.`,
    anyOf: [
      { type: ["null", "boolean", "number"] },
      TEXT.schema,
      { type: "array", items: reference("Json") },
      { type: "object", propertyNames: TEXT.schema, additionalProperties: reference("Json") },
    ],
  },
  ...Object.fromEntries(
    Object.entries(COMMANDS).map(([type, row]) => [
      nameOf(type, "Command"),
      {
        ...closed({ type: required({ schema: { const: type } }), ...row.fields }),
        ...notTogether(keepingFields(row)),
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(EVENTS).map(([type, fields]) => [
      nameOf(type, "Event"),
      object({ type: required({ schema: { const: type } }), ...fields }),
    ]),
  ),
  Message: MESSAGE,
  TermsRequest: closed(REQUESTS.terms),
  EditRequest: closed(REQUESTS.edit),
  HelloRequest: closed(REQUESTS.hello),
  MessageRequest: closed(REQUESTS.message),
  TypingRequest: closed(REQUESTS.typing),
  ReadRequest: closed(REQUESTS.read),
  PublicationRequest: { ...closed(REQUESTS.publication), anyOf: FORMS },
  PublishRequest: { ...closed(REQUESTS.publish), anyOf: FORMS },
  PublishResult: object({
    rooms: required({
      schema: {
        type: "array",
        description: "In the order in which they were named. One that failed has `error`.",
        items: object({
          room: required(ROOM),
          seq: optional(HEAD),
          repeated: optional({ schema: { const: true } }),
          error: optional({ schema: object(PROBLEM) }),
        }),
      },
    }),
  }),
  Readiness: object({
    ready: required({ schema: { type: "boolean" } }),
    reason: optional({ schema: { enum: Object.keys(TROUBLES) } }),
    detail: optional(SENTENCE),
  }),
  MemberList: object({
    room: required(ROOM),
    memberCount: required(COUNT),
    members: required({
      schema: { type: "array", items: reference("User"), maxItems: MAX_MEMBERS },
    }),
  }),
  SanctionList: object({
    room: required(ROOM),
    users: required({
      schema: {
        type: "array",
        items: object({
          id: required(STRING),
          by: required({ schema: { enum: ["application", "managers"] } }),
          until: optional({ schema: { type: "integer" } }),
        }),
      },
    }),
  }),
  RoomList: object({
    rooms: required({
      schema: {
        type: "array",
        items: object({ name: required(ROOM), memberCount: required(COUNT) }),
      },
    }),
  }),
  MyRoomList: object({
    rooms: required({
      schema: {
        type: "array",
        items: object({
          name: required(ROOM),
          head: required(HEAD),
          read: required(MARK),
          unread: required(COUNT),
          last: optional({ schema: MESSAGE }),
        }),
      },
    }),
  }),
  Page: object({
    room: required(ROOM),
    epoch: required(REF),
    head: required(HEAD),
    messages: required({
      schema: {
        type: "array",
        description: "In the order of their seq.",
        items: reference("Message"),
      },
    }),
    rev: required(HEAD_REV),
    mine: optional(MINE),
  }),
  Problem: object({
    title: required(STRING),
    status: required({ schema: { type: "integer" } }),
    ...PROBLEM,
    code: optional(CODE),
  }),
};

type Fields = Readonly<Record<string, Field<Shape>>>;

function object(fields: Fields): Schema {
  const entries = Object.entries(fields);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
    required: entries.filter(([, field]) => field.required).map(([name]) => name),
  };
}

/** Refuses an object where both of two fields are true. */
function notTogether(names: readonly string[]): Schema {
  if (names.length < 2) return {};
  const properties = Object.fromEntries(names.map((name) => [name, { const: true }]));
  return { not: { properties, required: names } };
}

/** An object that has no other fields. */
function closed(fields: Fields): Schema {
  return { ...object(fields), additionalProperties: false };
}
