/**
 * The table of commands: one row says all that the server has to know of a command before it carries it
 * out. The parser, the costs and the published schemas are derived from this table, and the compiler
 * holds it against the interfaces in `messages.ts`.
 *
 * @module
 */
import type { Command, Event, Message } from "./messages.ts";
import { NAME } from "./names.ts";
import {
  ANY_JSON,
  BOOLEAN,
  NUMBER,
  type Optional,
  optional,
  REF,
  type Required,
  required,
  type Rule,
  SINCE,
  TEXT,
  TOKEN,
} from "./rules.ts";

/** What a command costs its address, besides its length: the keys of access's `COSTS`. */
export type CommandCost = "signal" | "command" | "join" | "hello";

/** A rule for each field, required where the interface says so; `room` may always be left out. */
type RulesOf<C> = {
  readonly [F in Exclude<keyof C, "type">]-?: F extends "room" ? Optional<Rule>
    : C extends Readonly<Record<F, unknown>> ? Required<Rule>
    : Optional<Rule>;
};

/** The names of the fields that hold a boolean. */
type FlagOf<C> = {
  [F in keyof C]-?: [NonNullable<C[F]>] extends [boolean] ? F : never;
}[keyof C];

/** A stored command becomes the event of the same type: whether that is always stored decides. */
type StoredOf<C extends Command> = C["type"] extends Message["type"]
  ? Extract<Event, { type: C["type"] }> extends { readonly seq: number } ? true : FlagOf<C>
  : false;

/** A row of the table of commands. */
export interface CommandRow<C extends Command> {
  /** A field that is not here is refused by name. */
  readonly fields: RulesOf<C>;
  /** Whether the command goes into the room's log; or the name of the field that decides it. */
  readonly stored: StoredOf<C>;
  /** What it costs. Where a field decides whether it is stored, a stored one costs `command`. */
  readonly cost: CommandCost;
}

/** Every command. */
export const COMMANDS: {
  readonly [T in Command["type"]]: CommandRow<Extract<Command, { type: T }>>;
} = {
  hello: {
    fields: { name: optional(NAME), token: optional(TOKEN), ref: optional(REF) },
    stored: false,
    cost: "hello",
  },
  join: {
    fields: { room: optional(NAME), since: optional(SINCE), ref: optional(REF) },
    stored: false,
    cost: "join",
  },
  leave: {
    fields: { room: optional(NAME), ref: optional(REF) },
    stored: false,
    cost: "command",
  },
  chat: {
    fields: { room: optional(NAME), payload: required(TEXT), ref: optional(REF) },
    stored: true,
    cost: "command",
  },
  custom: {
    fields: {
      room: optional(NAME),
      name: required(NAME),
      payload: required(ANY_JSON),
      ref: optional(REF),
      durable: optional(BOOLEAN),
    },
    stored: "durable",
    cost: "signal",
  },
  typing: {
    fields: { room: optional(NAME), payload: required(BOOLEAN), ref: optional(REF) },
    stored: false,
    cost: "signal",
  },
  rename: {
    fields: { name: required(NAME), ref: optional(REF) },
    stored: false,
    cost: "command",
  },
  pong: {
    fields: { at: optional(NUMBER), ref: optional(REF) },
    stored: false,
    cost: "signal",
  },
};
