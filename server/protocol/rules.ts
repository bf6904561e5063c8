/**
 * The rules for the fields of commands. A rule is written once, for the parser, for people, and as the
 * JSON Schema that is published.
 *
 * @module
 */
import { MAX_DEPTH, MAX_INFO_BYTES } from "./tables.ts";
import { FLAG_TAG, SEEN } from "./visible.ts";

/** A JSON Schema (2020-12). */
export type Schema = Readonly<Record<string, unknown>>;

/** A `Shape` says what a field holds. That is enough for an event, because the server writes it. */
export interface Shape {
  readonly schema: Schema;
}

/** A `Rule` says what a field must hold. The parser checks it. */
export interface Rule extends Shape {
  readonly accepts: (value: unknown) => boolean;
  /** The end of the sentence that begins with "Field "x" must be". */
  readonly expects: string;
}

/** A field that must be there. */
export type RequiredField<S extends Shape> = S & { readonly required: true };

/** A field that may be missing. */
export type OptionalField<S extends Shape> = S & { readonly required: false };

/** A field of a command, an event or a request. */
export type Field<S extends Shape> = RequiredField<S> | OptionalField<S>;

/**
 * The fields of an interface, required or optional as they are there, so that the compiler finds what a
 * table has forgotten. `Defaulted` are the fields that the parser fills in.
 */
export type FieldsOf<T, S extends Shape, Defaulted = never> = {
  readonly [F in Exclude<keyof T, "type">]-?: F extends Defaulted ? OptionalField<S>
    : T extends Readonly<Record<F, unknown>> ? RequiredField<S>
    : OptionalField<S>;
};

/** Makes a field that must be there. */
export function required<S extends Shape>(shape: S): RequiredField<S> {
  return { ...shape, required: true };
}

/** Makes a field that may be missing. */
export function optional<S extends Shape>(shape: S): OptionalField<S> {
  return { ...shape, required: false };
}

/** Refers to a named schema of the published documents. */
export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** Makes a rule for text that matches a pattern. */
export function pattern(source: string, expects: string): Rule {
  const expression = new RegExp(source, "u");
  return {
    accepts: (value) => typeof value === "string" && expression.test(value),
    expects,
    schema: { type: "string", pattern: source },
  };
}

/** The sender's own id for a message. */
export const REF: Rule = pattern(
  "^[^\\u0000\\p{Cs}]{1,64}$",
  "1 to 64 characters of well-formed text without NUL",
);

/** Text without NUL, where SQLite would cut it, and without lone surrogates, which UTF-8 cannot hold. */
export const TEXT: Rule = {
  accepts: (value) => typeof value === "string" && isText(value),
  expects: "a string of well-formed Unicode without NUL",
  schema: { type: "string", pattern: "^[^\\u0000\\p{Cs}]*$" },
};

export const BOOLEAN: Rule = {
  accepts: (value) => typeof value === "boolean",
  expects: "true or false",
  schema: { type: "boolean" },
};

export const NUMBER: Rule = {
  accepts: (value) => typeof value === "number" && Number.isFinite(value),
  expects: "a finite number",
  schema: { type: "number" },
};

export const COUNT: Rule = {
  accepts: (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
  expects: "a whole number from 0",
  schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
};

/** The place of a message in its room. */
export const SEQ: Rule = {
  accepts: (value) => COUNT.accepts(value) && value !== 0,
  expects: "a whole number from 1",
  schema: { ...COUNT.schema, minimum: 1 },
};

const REACTION_PATTERN = pattern(
  `^(?!\\.{1,2}$)(?!\\p{M})(?:${SEEN}|${FLAG_TAG}){1,32}$`,
  "1 to 32 visible characters in Unicode's form NFC, without blanks, control, format or filler characters",
);

/**
 * A reaction. It stands in a path, where "." and ".." would be steps. Two that look alike would be counted
 * as two, so it has nothing that cannot be seen, but what holds an emoji together. The schema says all of
 * this except the form NFC, which a pattern cannot say.
 */
export const REACTION: Rule = {
  ...REACTION_PATTERN,
  accepts: (value) =>
    REACTION_PATTERN.accepts(value) && typeof value === "string" &&
    value === value.normalize("NFC"),
};

/** A token: a guest's, a JWT, or one that only the application can read (RFC 6750 §2.1). */
export const TOKEN: Rule = pattern(
  "^[\\w.~+/=-]{1,4096}$",
  "1 to 4,096 letters, digits or _.~+/=- characters",
);

export const ANY_JSON: Rule = {
  accepts: (value) => value !== undefined && isStorable(value, 0),
  expects:
    `JSON of well-formed text and of numbers that a double holds, nested at most ${MAX_DEPTH} deep`,
  schema: reference("Json"),
};

/** The id of a sender: of a guest, of a user of the application, or of the application itself. */
export const SENDER_ID: Rule = pattern(
  "^(?!\\.{1,2}$)[^\\p{C}\\p{Zl}\\p{Zp}]{1,128}$",
  "1 to 128 characters without control and format characters",
);

/** What an application says of a user, for all to see. */
export const INFO: Rule = {
  accepts: (value) =>
    ANY_JSON.accepts(value) && utf8Length(JSON.stringify(value)) <= MAX_INFO_BYTES,
  expects: `JSON of at most ${MAX_INFO_BYTES} bytes, with well-formed text`,
  schema: reference("Json"),
};

/** A cursor. */
export const SINCE: Rule = record(
  'a cursor: {"epoch": text, "seq": whole number from 0, "rev"?: whole number from 0}',
  { epoch: required(REF), seq: required(COUNT), rev: optional(COUNT) },
);

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Makes a rule for an object with these fields and no others. */
export function record(expects: string, fields: Readonly<Record<string, Field<Rule>>>): Rule {
  const entries = Object.entries(fields);
  const needed = entries.filter(([, { required }]) => required).map(([name]) => name);
  return {
    accepts: (value) =>
      isRecord(value) && needed.every((name) => Object.hasOwn(value, name)) &&
      Object.entries(value).every(([name, item]) => {
        const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
        return field?.accepts(item) || item === undefined && field?.required === false;
      }),
    expects,
    schema: {
      type: "object",
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      required: needed,
      additionalProperties: false,
    },
  };
}

/** Makes a rule for one of a few values. */
export function oneOf(...values: readonly (string | true)[]): Rule {
  return {
    accepts: (value) => values.some((one) => one === value),
    expects: values.map((one) => JSON.stringify(one)).join(" or "),
    schema: { enum: values },
  };
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === "string") return isText(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "boolean" || value === null) return true;
  if (typeof value !== "object") return false; // an embedding program may hand in what JSON cannot hold
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  if (!isPlain(value)) return false;
  return Object.entries(value).every(([key, item]) => isText(key) && isStorable(item, depth + 1));
}

/** Tells a plain object from a date or a map, which an embedding program may hand in: JSON has no such. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
