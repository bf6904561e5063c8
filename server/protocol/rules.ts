/**
 * What a field may hold. Each rule is said once: for the parser, for people, and as JSON Schema.
 *
 * @module
 */
import { MAX_DEPTH } from "./tables.ts";

/** A JSON Schema (2020-12). */
export type Schema = Readonly<Record<string, unknown>>;

/** What a field of an event holds: the server writes events, so only the schema is needed. */
export interface Shape {
  readonly schema: Schema;
}

/** What a field of a command must be: for the parser, for people, and for the published schemas. */
export interface Rule extends Shape {
  readonly accepts: (value: unknown) => boolean;
  /** Completes the sentence "Field "x" must be …". */
  readonly expects: string;
}

/** A field that must be there. */
export type Required<S extends Shape> = S & { readonly required: true };

/** A field that may be left out. */
export type Optional<S extends Shape> = S & { readonly required: false };

/** A field of a command or an event. */
export type Field<S extends Shape> = Required<S> | Optional<S>;

export function required<S extends Shape>(shape: S): Required<S> {
  return { ...shape, required: true };
}

export function optional<S extends Shape>(shape: S): Optional<S> {
  return { ...shape, required: false };
}

/** Refers to a named schema of the published documents. */
export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

export function pattern(source: string, expects: string): Rule {
  const expression = new RegExp(source, "u");
  return {
    accepts: (value) => typeof value === "string" && expression.test(value),
    expects,
    schema: { type: "string", pattern: source },
  };
}

/** A sender's own id for a message. */
export const REF: Rule = pattern(
  "^[^\\u0000\\p{Cs}]{1,64}$",
  "1 to 64 characters of well-formed text without NUL",
);

/** Text: SQLite cuts at NUL and a lone surrogate cannot be UTF-8, so neither is let in. */
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

export const TOKEN: Rule = pattern("^[\\w.-]{1,4096}$", "a token that this server gave out");

export const ANY_JSON: Rule = {
  accepts: (value) => value !== undefined && isStorable(value, 0),
  expects: `JSON of well-formed text and finite numbers, nested at most ${MAX_DEPTH} deep`,
  schema: reference("Json"),
};

export const SINCE: Rule = {
  accepts: (value) => {
    if (!isRecord(value) || Object.keys(value).length !== 2) return false;
    const { epoch, seq } = value;
    return REF.accepts(epoch) && typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0;
  },
  expects: 'a cursor: {"epoch": text, "seq": whole number from 0}',
  schema: {
    type: "object",
    properties: {
      epoch: REF.schema,
      seq: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    },
    required: ["epoch", "seq"],
    additionalProperties: false,
  },
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === "string") return isText(value);
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  return Object.entries(value).every(([key, item]) => isText(key) && isStorable(item, depth + 1));
}
