/**
 * The bodies of HTTP requests: their types, and a rule for each field. The room of a request is in its
 * path, and the token in a header.
 *
 * @module
 */
import { NAME } from "./names.ts";
import { BOOLEAN, type FieldsOf, optional, REF, required, type Rule, TEXT } from "./rules.ts";

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

/** The bodies by name. */
export interface Requests {
  readonly hello: HelloRequest;
  readonly message: MessageRequest;
  readonly typing: TypingRequest;
}

/** The rules for every body. A field that is not here is refused by name. */
export const REQUESTS: {
  readonly [R in keyof Requests]: FieldsOf<Requests[R], Rule>;
} = {
  hello: { name: optional(NAME) },
  message: { payload: required(TEXT), ref: optional(REF), name: optional(NAME) },
  typing: { payload: required(BOOLEAN), name: optional(NAME) },
};
