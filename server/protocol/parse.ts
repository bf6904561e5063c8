/**
 * Turns what a client sent into a typed command, once, at the edge; or refuses it and names the field.
 *
 * @module
 */
import { COMMANDS } from "./commands.ts";
import { badField, quote, Refusal } from "./refusal.ts";
import type { Command } from "./messages.ts";
import { REQUESTS, type Requests } from "./requests.ts";
import { type Field, isRecord, REF, type Rule } from "./rules.ts";
import { DEFAULT_ROOM } from "./tables.ts";

/** Fields as the parser walks them. */
interface Fields {
  /** Whose they are, as the beginning of a sentence. */
  readonly of: string;
  readonly byName: ReadonlyMap<string, Field<Rule>>;
  readonly required: readonly string[];
}

function fieldsOf(of: string, fields: Readonly<Record<string, Field<Rule>>>): Fields {
  const required = Object.keys(fields).filter((name) => fields[name]?.required);
  return { of, byName: new Map(Object.entries(fields)), required };
}

const COMMAND_FIELDS = new Map(
  Object.entries(COMMANDS).map((
    [type, { fields }],
  ) => [type, fieldsOf(`Command "${type}"`, fields)]),
);

const REQUEST_FIELDS: { readonly [R in keyof Requests]: Fields } = {
  hello: fieldsOf("This", REQUESTS.hello),
  message: fieldsOf("A message", REQUESTS.message),
  typing: fieldsOf("This", REQUESTS.typing),
};

/**
 * The value that a frame's text stands for.
 *
 * @throws {Refusal} `bad_json`
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("bad_json", "That is not JSON.");
  }
}

/**
 * A typed command, from anything.
 *
 * @throws {Refusal} `bad_command` if it is no command; `bad_field`, naming it, if a field is wrong.
 */
export function parseCommand(value: unknown): Command {
  if (!isRecord(value)) {
    throw new Refusal("bad_command", 'A command is an object with a "type".');
  }
  const type = Object.hasOwn(value, "type") ? value.type : undefined;
  if (typeof type !== "string") {
    throw new Refusal("bad_command", 'A command has a "type", which is text.', { field: "type" });
  }
  const fields = COMMAND_FIELDS.get(type);
  if (fields === undefined) {
    throw new Refusal("bad_command", `There is no command ${quote(type)}.`, { field: "type" });
  }
  check(value, fields, "type");
  if (fields.byName.has("room") && value.room === undefined) value.room = DEFAULT_ROOM;
  return value as unknown as Command; // a cast: what the table has just established
}

/**
 * The typed body of a request, from anything.
 *
 * @throws {Refusal} `bad_command` if it is no object; `bad_field`, naming it, if a field is wrong.
 */
export function parseRequest<R extends keyof Requests>(request: R, value: unknown): Requests[R] {
  if (!isRecord(value)) throw new Refusal("bad_command", "The body is not an object.");
  check(value, REQUEST_FIELDS[request]);
  return value as unknown as Requests[R]; // as above
}

/** Holds a record against a table of fields. @param known a field that was looked at already. */
function check(value: Record<string, unknown>, fields: Fields, known?: string): void {
  for (const name in value) {
    if (name === known) continue;
    const field = fields.byName.get(name);
    if (field === undefined) {
      throw badField(name, `${fields.of} has no field ${quote(name)}.`);
    }
    if (!field.accepts(value[name])) {
      throw badField(name, `Field "${name}" must be ${field.expects}.`);
    }
  }
  for (const name of fields.required) {
    if (!Object.hasOwn(value, name)) {
      throw badField(name, `${fields.of} needs the field "${name}".`);
    }
  }
}

/** The `ref` of something that may not be a command at all, to be named in its error. */
export function refOf(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined;
  return typeof value.ref === "string" && REF.accepts(value.ref) ? value.ref : undefined;
}
