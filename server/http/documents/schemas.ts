/**
 * The protocol as JSON Schemas (2020-12): what the server itself publishes, made from the very table
 * that the parser walks, and for events from one that the compiler holds against their interfaces.
 *
 * Commands are closed, as the parser is: an unknown field is refused. Events are open: a client
 * passes over what it does not know, so that the next version may say more.
 *
 * @module
 */
import { COMMANDS, REQUESTS } from "../../protocol/commands.ts";
import type { Cursor, Event, User } from "../../protocol/messages.ts";
import { ERRORS, MAX_DEPTH, MAX_LISTED } from "../../protocol/tables.ts";
import { NAME } from "../../protocol/names.ts";
import { REF, TEXT } from "../../protocol/rules.ts";

export type Schema = Readonly<Record<string, unknown>>;

interface Property {
  readonly required: boolean;
  readonly schema: Schema;
}

type Must = Property & { readonly required: true };
type May = Property & { readonly required: false };

const must = (schema: Schema): Must => ({ required: true, schema });
const may = (schema: Schema): May => ({ required: false, schema });

/** A property for each field, required where the interface says so. */
type PropertiesOf<T> = {
  readonly [F in Exclude<keyof T, "type">]-?: T extends Readonly<Record<F, unknown>> ? Must : May;
};

/** Refers to one of {@linkcode SCHEMAS}, in either document. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const COUNT = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const SEQ = { ...COUNT, minimum: 1, description: "Its place in the room: 1, 2, 3, no holes." };
const AT = { ...COUNT, description: "Milliseconds since 1970 by the server's clock." };
const BOOLEAN = { type: "boolean" };
const SENTENCE = { type: "string", description: "For people." };
const ROOM = { ...NAME.schema, description: "A room's name." };
const USERS = { type: "array", items: ref("User"), maxItems: MAX_LISTED };
const CODE = { type: "string", enum: Object.keys(ERRORS) };
const DELAY = { ...COUNT, description: "Milliseconds after which it is worth trying again." };

const USER: PropertiesOf<User> = {
  id: must({ type: "string", minLength: 1 }),
  name: must(NAME.schema),
};

const CURSOR: PropertiesOf<Cursor> = { epoch: must(REF.schema), seq: must(COUNT) };

/** Every event and its fields. */
export const EVENTS: {
  readonly [T in Event["type"]]: PropertiesOf<Extract<Event, { type: T }>>;
} = {
  welcome: {
    user: must(ref("User")),
    token: must({ type: "string", description: "A secret: proves next time who one is." }),
    heartbeatSeconds: must({ type: "number", exclusiveMinimum: 0 }),
    limits: must(ref("Limits")),
  },
  joined: {
    room: must(ROOM),
    epoch: must(REF.schema),
    seq: must({ ...COUNT, description: "The room's newest message." }),
    recovered: must({ ...BOOLEAN, description: "False: forget the room, what follows is all." }),
    members: must(USERS),
    memberCount: must(COUNT),
  },
  chat: {
    room: must(ROOM),
    seq: must(SEQ),
    at: must(AT),
    from: must(ref("User")),
    payload: must(TEXT.schema),
    ref: may(REF.schema),
  },
  custom: {
    room: must(ROOM),
    seq: may(SEQ),
    at: may(AT),
    name: must(NAME.schema),
    from: must(ref("User")),
    payload: must(ref("Json")),
    ref: may(REF.schema),
  },
  system: {
    room: must(ROOM),
    payload: must(SENTENCE),
    kind: must({ type: "string", enum: ["joined", "left", "renamed", "count"] }),
    user: may(ref("User")),
    memberCount: must(COUNT),
  },
  typing: { room: must(ROOM), from: must(ref("User")), payload: must(BOOLEAN) },
  ping: { at: must(AT) },
  error: {
    code: must(CODE),
    payload: must(SENTENCE),
    field: may({ type: "string" }),
    ref: may(REF.schema),
    room: may(ROOM),
    retryAfterMs: may(DELAY),
  },
  bye: { payload: must(SENTENCE), retryAfterMs: must(DELAY) },
};

/** `chat`, `Event` → `ChatEvent` */
export function nameOf(type: string, kind: "Command" | "Event"): string {
  return type.charAt(0).toUpperCase() + type.slice(1) + kind;
}

/** Everything that a document may refer to. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  User: object(USER),
  Cursor: object(CURSOR),
  Limits: object({
    frameBytes: must(COUNT),
    rate: must({ type: "number", minimum: 0 }),
    burst: must(COUNT),
    roomsPerConnection: must(COUNT),
  }),
  Json: {
    description: `Any JSON of well-formed text without NUL, nested at most ${MAX_DEPTH} deep.`,
    anyOf: [
      { type: ["null", "boolean", "number"] },
      TEXT.schema,
      { type: "array", items: ref("Json") },
      { type: "object", propertyNames: TEXT.schema, additionalProperties: ref("Json") },
    ],
  },
  ...Object.fromEntries(
    Object.entries(COMMANDS).map(([type, fields]) => [
      nameOf(type, "Command"),
      { ...object({ type: must({ const: type }), ...fields }), additionalProperties: false },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(EVENTS).map(([type, fields]) => [
      nameOf(type, "Event"),
      object({ type: must({ const: type }), ...fields }),
    ]),
  ),
  HelloRequest: { ...object(REQUESTS.hello), additionalProperties: false },
  MessageRequest: { ...object(REQUESTS.message), additionalProperties: false },
  TypingRequest: { ...object(REQUESTS.typing), additionalProperties: false },
  RoomList: object({
    rooms: must({
      type: "array",
      items: object({ name: must(ROOM), memberCount: must(COUNT) }),
    }),
  }),
  Page: object({
    room: must(ROOM),
    epoch: must(REF.schema),
    head: must({ ...COUNT, description: "The room's newest message." }),
    messages: must({
      type: "array",
      description: "In the order of their seq.",
      items: { oneOf: [ref("ChatEvent"), ref("CustomEvent")] },
    }),
  }),
  Problem: object({
    title: must({ type: "string" }),
    status: must({ type: "integer" }),
    detail: must(SENTENCE),
    code: may(CODE),
    field: may({ type: "string" }),
    retryAfterMs: may(DELAY),
  }),
};

function object(properties: Readonly<Record<string, Property>>): Schema {
  const entries = Object.entries(properties);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
    required: entries.filter(([, { required }]) => required).map(([name]) => name),
  };
}
