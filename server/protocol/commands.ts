/**
 * The table of commands. A row says all that has to be known of a command before it is carried out.
 * The parser, the costs and the published schemas are derived from it, and the compiler checks it
 * against `messages.ts`.
 *
 * @module
 */
import type { Command, Event, Message } from "./messages.ts";
import { NAME } from "./names.ts";
import {
  ANY_JSON,
  BOOLEAN,
  COUNT,
  type FieldsOf,
  NUMBER,
  optional,
  REACTION,
  REF,
  required,
  type Rule,
  SEQ,
  SINCE,
  TEXT,
  TOKEN,
} from "./rules.ts";

/** What a command costs the address that it comes from: a key of the table `COSTS` in `access/`. */
export type CommandCost = "signal" | "command" | "join" | "hello";

type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

/** The fields of a command that hold true or false. */
type FlagOf<C> = { [F in keyof C]-?: [C[F]] extends [boolean | undefined] ? F : never }[keyof C];

/**
 * What the row of a command must say in `stored`. The event of the same type decides it: true if that
 * event always has a `seq`, the name of a flag if only sometimes, and false if there is no such event.
 */
type StoredOf<T extends Command["type"]> = T extends Message["type"]
  ? Extract<Event, { type: T }> extends { readonly seq: number } ? true : FlagOf<CommandOf<T>>
  : false;

/** A row of the table of commands. */
export interface CommandRow<T extends Command["type"]> {
  /** The rules for its fields. A field that is not here is refused by name. */
  readonly fields: FieldsOf<CommandOf<T>, Rule, "room">;
  /**
   * Whether the command is stored. If a field decides it, the name of that field. A command that is
   * stored becomes the event of the same type.
   */
  readonly stored: StoredOf<T>;
  /** The name of the field that has its event retained, if there is one. */
  readonly retained?: FlagOf<CommandOf<T>>;
  /** What it costs. If a field decides whether the command is stored, a stored one costs `command`. */
  readonly cost: CommandCost;
}

/** Every command. */
export const COMMANDS: { readonly [T in Command["type"]]: CommandRow<T> } = {
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
    fields: {
      room: optional(NAME),
      payload: required(TEXT),
      replyTo: optional(SEQ),
      ref: optional(REF),
    },
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
      retain: optional(BOOLEAN),
    },
    stored: "durable",
    retained: "retain",
    cost: "signal",
  },
  edit: {
    fields: {
      room: optional(NAME),
      seq: required(SEQ),
      payload: required(TEXT),
      ref: optional(REF),
    },
    stored: false,
    cost: "command",
  },
  delete: {
    fields: { room: optional(NAME), seq: required(SEQ), ref: optional(REF) },
    stored: false,
    cost: "command",
  },
  react: {
    fields: {
      room: optional(NAME),
      seq: required(SEQ),
      payload: required(REACTION),
      on: optional(BOOLEAN),
      ref: optional(REF),
    },
    stored: false,
    cost: "command",
  },
  typing: {
    fields: { room: optional(NAME), payload: required(BOOLEAN), ref: optional(REF) },
    stored: false,
    cost: "signal",
  },
  read: {
    fields: { room: optional(NAME), seq: required(COUNT), ref: optional(REF) },
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

/**
 * Returns the fields of a command that, if true, have it stored or its event retained. A command may set
 * one of them.
 */
export function keepingFields(
  { stored, retained }: { readonly stored: boolean | string; readonly retained?: string },
): readonly string[] {
  return [stored, retained].filter((name) => typeof name === "string");
}
