/**
 * Every command and every HTTP request body, one row each. The parser walks these tables, the compiler
 * holds them against the types in `messages.ts`, and the published schemas are made from them.
 *
 * @module
 */
import { ANY_JSON, BOOLEAN, NUMBER, REF, type Rule, SINCE, TEXT, TOKEN } from "./rules.ts";
import type { Command, HelloRequest, MessageRequest, TypingRequest } from "./messages.ts";
import { NAME } from "./names.ts";

export interface Field extends Rule {
  readonly required: boolean;
}

const must = (rule: Rule): Field => ({ ...rule, required: true });

const may = (rule: Rule): Field => ({ ...rule, required: false });

type FieldsOf<C extends Command> = { readonly [F in Exclude<keyof C, "type">]-?: Field };

/** Every command and its fields. A field that is not here is refused by name. */
export const COMMANDS: {
  readonly [T in Command["type"]]: FieldsOf<Extract<Command, { type: T }>>;
} = {
  hello: { name: may(NAME), token: may(TOKEN), ref: may(REF) },
  join: { room: may(NAME), since: may(SINCE), ref: may(REF) },
  leave: { room: may(NAME), ref: may(REF) },
  chat: { room: may(NAME), payload: must(TEXT), ref: may(REF) },
  custom: {
    room: may(NAME),
    name: must(NAME),
    payload: must(ANY_JSON),
    ref: may(REF),
    durable: may(BOOLEAN),
  },
  typing: { room: may(NAME), payload: must(BOOLEAN), ref: may(REF) },
  rename: { name: must(NAME), ref: may(REF) },
  pong: { at: may(NUMBER), ref: may(REF) },
};

export interface Requests {
  readonly hello: HelloRequest;
  readonly message: MessageRequest;
  readonly typing: TypingRequest;
}

/** What can be asked over HTTP, and the fields of its body: the room is in the path. */
export const REQUESTS: {
  readonly [R in keyof Requests]: { readonly [F in keyof Requests[R]]-?: Field };
} = {
  hello: { name: may(NAME) },
  message: { payload: must(TEXT), ref: may(REF), name: may(NAME) },
  typing: { payload: must(BOOLEAN), name: may(NAME) },
};
