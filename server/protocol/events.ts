/**
 * The table of events: every field with its JSON Schema. The published schemas and the list of what may
 * be in a room's log are derived from this table, and the compiler holds it against the interfaces in
 * `messages.ts`.
 *
 * @module
 */
import type { Event, Message } from "./messages.ts";
import { NAME } from "./names.ts";
import {
  BOOLEAN,
  type Optional,
  optional,
  REF,
  reference,
  type Required,
  required,
  type Schema,
  type Shape,
  TEXT,
} from "./rules.ts";
import { ERRORS, MAX_LISTED } from "./tables.ts";

/** A shape for each field, required where the interface says so. */
export type ShapesOf<T> = {
  readonly [F in Exclude<keyof T, "type">]-?: T extends Readonly<Record<F, unknown>>
    ? Required<Shape>
    : Optional<Shape>;
};

/** A field with that schema. */
export function shape(schema: Schema): Shape {
  return { schema };
}

/** A whole number from 0. */
export const COUNT: Shape = shape({
  type: "integer",
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});
/** A sentence for people. */
export const SENTENCE: Shape = shape({ type: "string", description: "For people." });
/** The name of a room. */
export const ROOM: Shape = shape({ ...NAME.schema, description: "A room's name." });
/** The code of a refusal. */
export const CODE: Shape = shape({ type: "string", enum: Object.keys(ERRORS) });
/** How long to wait before the next try. */
export const DELAY: Shape = shape({
  ...COUNT.schema,
  description: "Milliseconds after which it is worth trying again.",
});

const SEQ = shape({
  ...COUNT.schema,
  minimum: 1,
  description: "Its place in the room: 1, 2, 3, no holes.",
});
const AT = shape({
  ...COUNT.schema,
  description: "Milliseconds since 1970 by the server's clock.",
});
const USER = shape(reference("User"));

/** Every event. What has both `seq` and `at` is stored in the room's log. */
export const EVENTS: {
  readonly [T in Event["type"]]: ShapesOf<Extract<Event, { type: T }>>;
} = {
  welcome: {
    user: required(USER),
    token: required(shape({
      type: "string",
      description: "A secret: proves next time who one is.",
    })),
    heartbeatSeconds: required(shape({ type: "number", exclusiveMinimum: 0 })),
    limits: required(shape(reference("Limits"))),
  },
  joined: {
    room: required(ROOM),
    epoch: required(REF),
    seq: required(shape({ ...COUNT.schema, description: "The room's newest message." })),
    recovered: required(shape({
      ...BOOLEAN.schema,
      description: "False: forget the room, what follows is all.",
    })),
    members: required(shape({ type: "array", items: USER.schema, maxItems: MAX_LISTED })),
    memberCount: required(COUNT),
  },
  chat: {
    room: required(ROOM),
    seq: required(SEQ),
    at: required(AT),
    from: required(USER),
    payload: required(TEXT),
    ref: optional(REF),
  },
  custom: {
    room: required(ROOM),
    seq: optional(SEQ),
    at: optional(AT),
    name: required(NAME),
    from: required(USER),
    payload: required(shape(reference("Json"))),
    ref: optional(REF),
  },
  system: {
    room: required(ROOM),
    payload: required(SENTENCE),
    kind: required(shape({ type: "string", enum: ["joined", "left", "renamed", "count"] })),
    user: optional(USER),
    memberCount: required(COUNT),
  },
  typing: { room: required(ROOM), from: required(USER), payload: required(BOOLEAN) },
  ping: { at: required(AT) },
  error: {
    code: required(CODE),
    payload: required(SENTENCE),
    field: optional(shape({ type: "string" })),
    ref: optional(REF),
    room: optional(ROOM),
    retryAfterMs: optional(DELAY),
  },
  bye: { payload: required(SENTENCE), retryAfterMs: required(DELAY) },
};

/** The types of the events that may be in a room's log. */
export const MESSAGE_TYPES: readonly Message["type"][] = Object.keys(EVENTS).filter(isMessageType);

function isMessageType(type: string): type is Message["type"] {
  const fields = EVENTS[type as Event["type"]]; // a cast: the type is one of its keys
  return "seq" in fields && "at" in fields;
}
