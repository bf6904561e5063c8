/**
 * The bodies of HTTP requests: their types, and a rule for each field. The room of a request is in its
 * path, and the token or the API key in a header.
 *
 * @module
 */
import type { Json, User } from "./messages.ts";
import { NAME } from "./names.ts";
import {
  ANY_JSON,
  BOOLEAN,
  type FieldsOf,
  INFO,
  oneOf,
  optional,
  type OptionalField,
  record,
  REF,
  required,
  type Rule,
  SENDER_ID,
  TEXT,
} from "./rules.ts";
import { MAX_PUBLISH_ROOMS } from "./tables.ts";

/** The body of `POST /hello`. */
export interface HelloRequest {
  readonly name?: string;
}

/** The body of `POST /rooms/{room}/messages`. */
export interface MessageRequest {
  readonly payload: string;
  readonly ref?: string;
  readonly name?: string;
}

/** The body of `POST /rooms/{room}/typing`. */
export interface TypingRequest {
  readonly payload: boolean;
  readonly name?: string;
}

/** The body of `POST /rooms/{room}/messages` with an API key: what the application says. */
export interface PublicationRequest {
  readonly type?: "chat" | "custom";
  readonly payload: Json;
  /** The name of a `custom` event. */
  readonly name?: string;
  readonly durable?: boolean;
  readonly retain?: boolean;
  readonly from?: User;
  readonly ref?: string;
}

/** The body of `POST /publish`: the same for many rooms. */
export interface PublishRequest extends PublicationRequest {
  readonly rooms: readonly string[];
}

/** The bodies by name. */
export interface Requests {
  readonly hello: HelloRequest;
  readonly message: MessageRequest;
  readonly typing: TypingRequest;
  readonly publication: PublicationRequest;
  readonly publish: PublishRequest;
}

type FieldsOfRequest<T> =
  & FieldsOf<T, Rule>
  & ("type" extends keyof T ? { readonly type: OptionalField<Rule> } : unknown);

const SENDER_FIELDS: FieldsOf<User, Rule> = {
  id: required(SENDER_ID),
  name: required(NAME),
  info: optional(INFO),
  guest: optional(oneOf(true)),
};

const PUBLICATION: FieldsOfRequest<PublicationRequest> = {
  type: optional(oneOf("chat", "custom")),
  payload: required(ANY_JSON),
  name: optional(NAME),
  durable: optional(BOOLEAN),
  retain: optional(BOOLEAN),
  from: optional(record('a user: {"id": text, "name": a name, "info"?: JSON}', SENDER_FIELDS)),
  ref: optional(REF),
};

/** A list of rooms. The parser looks at each name by itself, so that a refusal can say which is wrong. */
const ROOMS: Rule = {
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.length <= MAX_PUBLISH_ROOMS,
  expects: `a list of 1 to ${MAX_PUBLISH_ROOMS} rooms`,
  schema: {
    type: "array",
    items: NAME.schema,
    minItems: 1,
    maxItems: MAX_PUBLISH_ROOMS,
    uniqueItems: true,
  },
};

/** The rules for every body. A field that is not here is refused by name. */
export const REQUESTS: { readonly [R in keyof Requests]: FieldsOfRequest<Requests[R]> } = {
  hello: { name: optional(NAME) },
  message: { payload: required(TEXT), ref: optional(REF), name: optional(NAME) },
  typing: { payload: required(BOOLEAN), name: optional(NAME) },
  publication: PUBLICATION,
  publish: { rooms: required(ROOMS), ...PUBLICATION },
};
