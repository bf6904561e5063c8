/**
 * The bodies of HTTP requests: their types, and a rule for each field. The room of a request is in its
 * path, and the token or the API key in a header.
 *
 * @module
 */
import type { Json, User } from "./messages.ts";
import { NAME } from "./names.ts";
import { badField } from "./refusal.ts";
import {
  ANY_JSON,
  BOOLEAN,
  COUNT,
  type FieldsOf,
  INFO,
  oneOf,
  optional,
  type OptionalField,
  pattern,
  REACTION,
  record,
  REF,
  required,
  type Rule,
  SENDER_ID,
  SEQ,
  TEXT,
} from "./rules.ts";
import { MAX_PUBLISH_ROOMS } from "./tables.ts";

/** Some 317 years: a longer time is for good. */
const MAX_SECONDS = 1e10;

/** The body of `POST /hello`. */
export interface HelloRequest {
  readonly name?: string;
}

/** The body of `POST /rooms/{room}/messages`. */
export interface MessageRequest {
  readonly payload: string;
  readonly ref?: string;
  readonly name?: string;
  readonly replyTo?: number;
}

/** The body of `PATCH /rooms/{room}/messages/{seq}`. */
export interface EditRequest {
  readonly payload: string;
}

/** The body of `POST /rooms/{room}/typing`. */
export interface TypingRequest {
  readonly payload: boolean;
  readonly name?: string;
}

/** The body of `POST /rooms/{room}/read`. */
export interface ReadRequest {
  readonly seq: number;
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
  /** The message that a `chat` answers. */
  readonly replyTo?: number;
}

/** The body of `POST /publish`: the same for many rooms. */
export interface PublishRequest extends PublicationRequest {
  readonly rooms: readonly string[];
}

/** Why something is taken back. */
export interface ReasonRequest {
  /** A sentence for the user. */
  readonly payload?: string;
}

/** The body of `PUT /rooms/{room}/bans/{id}` and `…/mutes/{id}`. */
export interface TermsRequest extends ReasonRequest {
  /** For how long; without it, for good. */
  readonly seconds?: number;
}

/** The bodies by name. */
export interface Requests {
  readonly hello: HelloRequest;
  readonly message: MessageRequest;
  readonly edit: EditRequest;
  readonly typing: TypingRequest;
  readonly read: ReadRequest;
  readonly publication: PublicationRequest;
  readonly publish: PublishRequest;
  readonly reason: ReasonRequest;
  readonly terms: TermsRequest;
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
  replyTo: optional(SEQ),
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

/** A sentence for people. */
const SENTENCE: Rule = pattern(
  "^[^\\u0000\\p{Cs}]{1,1024}$",
  "1 to 1,024 characters of well-formed text without NUL",
);

/** A time for which something holds. */
const SECONDS: Rule = {
  accepts: (value) => typeof value === "number" && value > 0 && value <= MAX_SECONDS,
  expects: `a number of seconds above 0 and up to ${MAX_SECONDS}`,
  schema: { type: "number", exclusiveMinimum: 0, maximum: MAX_SECONDS },
};

const REASON: FieldsOf<ReasonRequest, Rule> = { payload: optional(SENTENCE) };

/** The rules for every body. A field that is not here is refused by name. */
export const REQUESTS: { readonly [R in keyof Requests]: FieldsOfRequest<Requests[R]> } = {
  hello: { name: optional(NAME) },
  message: {
    payload: required(TEXT),
    ref: optional(REF),
    name: optional(NAME),
    replyTo: optional(SEQ),
  },
  edit: { payload: required(TEXT) },
  typing: { payload: required(BOOLEAN), name: optional(NAME) },
  read: { seq: required(COUNT) },
  publication: PUBLICATION,
  publish: { rooms: required(ROOMS), ...PUBLICATION },
  reason: REASON,
  terms: { seconds: optional(SECONDS), ...REASON },
};

/** Checks the place of a message that comes in a path. */
export function parseSeq(field: string, text: string | undefined): number {
  const seq = /^\d{1,16}$/.test(text ?? "") ? Number(text) : NaN;
  if (SEQ.accepts(seq)) return seq;
  throw badField(field, `Field "${field}" must be ${SEQ.expects}.`);
}

/** Checks a reaction that comes in a path. */
export function parseReaction(field: string, text: string | undefined): string {
  if (text !== undefined && REACTION.accepts(text)) return text;
  throw badField(field, `Field "${field}" must be ${REACTION.expects}.`);
}

/** Checks a `ref` that comes in the query of a URL. @throws {Refusal} `bad_field` */
export function parseRef(text: string): string {
  if (REF.accepts(text)) return text;
  throw badField("ref", `Field "ref" must be ${REF.expects}.`);
}

/** Checks the id of a user that comes in a field or in a path. */
export function parseUserId(field: string, text: string | undefined): string {
  if (text !== undefined && SENDER_ID.accepts(text)) return text;
  throw badField(field, `Field "${field}" must be ${SENDER_ID.expects}.`);
}
