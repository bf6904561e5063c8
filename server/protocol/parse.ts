/**
 * Turns what a client sent into a typed command or request, or refuses it and names the field. This is
 * done once, where it comes in: all other code works with the types.
 *
 * @module
 */
import { COMMANDS, keepingFields } from "./commands.ts";
import { markInexact } from "./exact_numbers.ts";
import { badField, quote, Refusal } from "./refusal.ts";
import type { Command } from "./messages.ts";
import { REQUESTS, type Requests } from "./requests.ts";
import { type Field, isRecord, REF, type Rule } from "./rules.ts";
import { DEFAULT_ROOM } from "./tables.ts";

/** The fields of a command or a request, in the form that the parser needs. */
interface Fields {
  /** What has these fields, as the beginning of a sentence. */
  readonly owner: string;
  readonly byName: ReadonlyMap<string, Field<Rule>>;
  readonly required: readonly string[];
  /** Fields of which only one may be true. */
  readonly exclusive: readonly string[];
}

function fieldsOf(
  owner: string,
  fields: Readonly<Record<string, Field<Rule>>>,
  exclusive: readonly string[] = [],
): Fields {
  const required = Object.keys(fields).filter((name) => fields[name]?.required);
  return { owner, byName: new Map(Object.entries(fields)), required, exclusive };
}

const COMMAND_FIELDS = new Map(
  Object.entries(COMMANDS).map(([type, row]) => [
    type,
    fieldsOf(`Command "${type}"`, row.fields, keepingFields(row)),
  ]),
);

const REQUEST_FIELDS: { readonly [R in keyof Requests]: Fields } = {
  hello: fieldsOf("The body", REQUESTS.hello),
  message: fieldsOf("The body", REQUESTS.message),
  edit: fieldsOf("The body", REQUESTS.edit),
  typing: fieldsOf("The body", REQUESTS.typing),
  read: fieldsOf("The body", REQUESTS.read),
  publication: fieldsOf("The body", REQUESTS.publication),
  publish: fieldsOf("The body", REQUESTS.publish),
  reason: fieldsOf("The body", REQUESTS.reason),
  terms: fieldsOf("The body", REQUESTS.terms),
};

/**
 * Parses the text of a frame or a body. A whole number that cannot be kept exactly becomes one that is
 * refused with its field.
 *
 * @throws {Refusal} `bad_json`
 */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (!(Array.isArray(value) ? value.some(holdsAnyJson) : holdsAnyJson(value))) return value;
    const marked = markInexact(text);
    return marked === text ? value : JSON.parse(marked);
  } catch {
    throw new Refusal("bad_json", "Cannot read this: it must be JSON.");
  }
}

/**
 * Checks that a value is a command. A command without `room` gets the default room.
 *
 * @throws {Refusal} `bad_command` if it is not a command; `bad_field` if a field is wrong.
 */
export function parseCommand(value: unknown): Command {
  if (!isRecord(value)) {
    throw new Refusal("bad_command", 'A command must be an object with a "type".');
  }
  const type = Object.hasOwn(value, "type") ? value.type : undefined;
  if (typeof type !== "string") {
    throw new Refusal("bad_command", 'Field "type" must be a string.', { field: "type" });
  }
  const fields = COMMAND_FIELDS.get(type);
  if (fields === undefined) {
    throw new Refusal("bad_command", `There is no command ${quote(type)}.`, { field: "type" });
  }
  check(value, fields, "type");
  if (fields.byName.has("room") && value.room === undefined) value.room = DEFAULT_ROOM;
  return value as unknown as Command; // a cast: the table has just been checked
}

/**
 * Checks that a value is the body of that request.
 *
 * @throws {Refusal} `bad_command` if it is not an object; `bad_field` if a field is wrong.
 */
export function parseRequest<R extends keyof Requests>(request: R, value: unknown): Requests[R] {
  if (!isRecord(value)) throw new Refusal("bad_command", "The body must be an object.");
  check(value, REQUEST_FIELDS[request]);
  return value as unknown as Requests[R]; // a cast: the table has just been checked
}

/**
 * Checks a record against a table of fields.
 *
 * @param checked a field that was checked already.
 */
function check(value: Record<string, unknown>, fields: Fields, checked?: string): void {
  for (const name in value) {
    if (name === checked) continue;
    const field = fields.byName.get(name);
    if (field === undefined) {
      throw badField(name, `${fields.owner} has no field ${quote(name)}.`);
    }
    if (!field.accepts(value[name])) {
      throw badField(name, `Field "${name}" must be ${field.expects}.`);
    }
  }
  for (const name of fields.required) {
    if (!Object.hasOwn(value, name)) {
      throw badField(name, `${fields.owner} needs the field "${name}".`);
    }
  }
  if (fields.exclusive.length === 0) return;
  const [first, second] = fields.exclusive.filter((name) => value[name] === true);
  if (second !== undefined) {
    throw badField(second, `Field "${second}" does not go with "${first}".`);
  }
}

/** Tells whether a field of a command, or of a body, may be any JSON: a payload, or the `info` of a sender. */
function holdsAnyJson(value: unknown): boolean {
  return isRecord(value) && (value.type === "custom" || isRecord(value.from));
}

/** Finds the `ref` of a value that was refused. It may not be a command at all. */
export function refOf(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined;
  return typeof value.ref === "string" && REF.accepts(value.ref) ? value.ref : undefined;
}
