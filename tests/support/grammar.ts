/**
 * Commands for a fuzzer: valid ones, and valid ones with one thing wrong, each with what must come of
 * it. That is known from how it was made, and not by asking the parser.
 *
 * @module
 */
import fc from "npm:fast-check@4.10.2";
import type { Command, ErrorCode } from "../../server/mod.ts";

/** What a refused command is answered with. */
export interface Expected {
  readonly code: ErrorCode;
  readonly field?: string;
  readonly ref?: string;
}

/** Something to be said. */
export interface Said {
  /** Any JSON value; mostly a command, or nearly. */
  readonly value: unknown;
  /** The error that it gets for what it is; `undefined` if only the circumstances can refuse it. */
  readonly wrong: Expected | undefined;
}

/** What a frame is made of, and who sends it. */
export interface Step {
  readonly client: number;
  /** Several in an array, one by itself, or text that is not JSON at all. */
  readonly frame: readonly Said[] | Said | string;
}

export const CLIENTS = 3;
export const ROOMS = ["lobby", "b", "a room", "😀"] as const;

type Record = Readonly<{ [field: string]: unknown }>;

const NAMES = ["Ann", "é".repeat(64), "__proto__", "<b>", "👩‍💻 علی‌رضا"];
const BAD_NAMES = [
  "",
  " ",
  "x".repeat(65),
  7,
  null,
  [],
  "a\0",
  "a\nb",
  "\u202ex",
  "\ud800",
  "..",
  "a ",
  "a  b",
  "\u3164",
  "a\u200db",
];
const room = fc.constantFrom("lobby", "lobby", ...ROOMS);
const ref = fc.constantFrom("a", "b", "é".repeat(64), " ");
const text = fc.oneof(
  fc.constantFrom("", "hello", '\u2028\r\n\\"', "👩‍👩‍👧", "x".repeat(3000)),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((said) => said.replaceAll("\0", "")),
);

/** A field as commands may have it: good values, bad ones, and whether it may be missing. */
interface Field {
  readonly good: fc.Arbitrary<unknown>;
  readonly bad: readonly unknown[];
  readonly required?: true;
}

const ROOM: Field = { good: room, bad: BAD_NAMES };
const REF: Field = { good: ref, bad: ["", 7, null, {}, "x".repeat(65), "\0", "\udfff"] };
const NAME: Field = { good: fc.constantFrom(...NAMES), bad: BAD_NAMES };
const BOOLEAN: Field = { good: fc.boolean(), bad: [0, 1, "true", null, []] };
const CURSORS = [{ epoch: "another", seq: 1 }, { epoch: "e", seq: Number.MAX_SAFE_INTEGER }];
const SINCE: Field = {
  good: fc.constantFrom(...CURSORS, { epoch: "own", seq: 0 }, { epoch: "own", seq: 1 }), // the room's own
  bad: [
    ...[{}, [], 7, "x", null, { epoch: "e" }, { epoch: "e", seq: -1 }, { epoch: "e", seq: 1.5 }],
    ...[{ epoch: "e", seq: "1" }, { epoch: "e", seq: 1, more: 1 }, { epoch: "\0", seq: 1 }],
  ],
};
/** No room ever has this message, so that no text changes that others compare. */
const NO_SEQ = 1e9;
const SEQ: Field = {
  good: fc.constant(NO_SEQ),
  bad: [0, -1, 1.5, "1", null, 2 ** 53, []],
  required: true,
};
const TEXT: Field = {
  good: text,
  bad: [7, null, {}, [], true, "\0", "a\ud800"],
  required: true,
};
const REACTION: Field = {
  good: fc.constantFrom("👍", "👩‍💻", "❤️", "x".repeat(32), "__proto__"),
  bad: [7, null, "", "..", "a b", "\u200d", "a\0", "\ud800", "x".repeat(33)],
  required: true,
};
const JSON_VALUE = fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme-ascii" });

/** The fields of every command. The compiler tells what is missing here. */
const FIELDS: Readonly<{ [type: string]: Readonly<{ [field: string]: Field }> }> = {
  hello: {
    name: NAME,
    token: { good: fc.constantFrom("own", "forged.AAAA"), bad: ["", "a b", 7, null, "\0"] },
    ref: REF,
  },
  join: { room: ROOM, since: SINCE, ref: REF },
  leave: { room: ROOM, ref: REF },
  chat: {
    room: ROOM,
    payload: TEXT,
    replyTo: { good: fc.integer({ min: 1, max: 99 }), bad: SEQ.bad },
    ref: REF,
  },
  custom: {
    room: ROOM,
    name: { ...NAME, required: true },
    payload: { good: JSON_VALUE, bad: ["\0", { "\ud800": 1 }, [["\0"]], deep(40)], required: true },
    ref: REF,
    durable: BOOLEAN,
    retain: BOOLEAN,
  },
  edit: { room: ROOM, seq: SEQ, payload: TEXT, ref: REF },
  delete: { room: ROOM, seq: SEQ, ref: REF },
  react: { room: ROOM, seq: SEQ, payload: REACTION, on: BOOLEAN, ref: REF },
  typing: { room: ROOM, payload: { ...BOOLEAN, required: true }, ref: REF },
  read: {
    room: ROOM,
    seq: { good: fc.constant(0), bad: [-1, 1.5, "1", null, 2 ** 53], required: true },
    ref: REF,
  },
  rename: { name: { ...NAME, required: true }, ref: REF },
  pong: { at: { good: fc.integer(), bad: ["x", null, {}] }, ref: REF },
} satisfies {
  [T in Command["type"]]: { [F in Exclude<keyof Extract<Command, { type: T }>, "type">]-?: Field };
};

function deep(depth: number): unknown {
  return depth === 0 ? 1 : [deep(depth - 1)];
}

/** The cursor that stands for the room's own log: the epoch is put in when it is said. */
export function isOwnCursor(since: unknown): since is { readonly seq: number } {
  return typeof since === "object" && since !== null && "epoch" in since && since.epoch === "own";
}

function commandOf(type: string, fields: Readonly<{ [field: string]: Field }>) {
  const entries = Object.entries(fields).map(([name, { good, required }]) => [
    name,
    required
      ? good.map((value) => [value])
      : fc.option(good.map((value) => [value]), { freq: name === "ref" ? 2 : 4 }),
  ]);
  const chosen: fc.Arbitrary<Record> = fc.record(Object.fromEntries(entries));
  // A field that was left out is not there, rather than `undefined`.
  return chosen.map((record): Record => ({
    type,
    ...Object.fromEntries(
      Object.entries(record).flatMap(([name, value]) =>
        Array.isArray(value) ? [[name, value[0]]] : []
      ),
    ),
  }));
}

/** One of the two ways to be stored: a command may not ask for both. */
function storedOnce(command: Record): Record {
  return command.durable === true && command.retain === true
    ? { ...command, retain: false }
    : command;
}

const valid: fc.Arbitrary<Record> = fc.oneof(
  ...Object.entries(FIELDS).map(([type, fields]) => ({
    weight: ["chat", "custom", "join"].includes(type) ? 4 : 1,
    arbitrary: commandOf(type, fields).map(storedOnce),
  })),
);

const STRANGE_TYPES = ["", "shout", "Chat", "welcome", "__proto__", "constructor", 7, null, [], {}];
const STRANGE_FIELDS = ["extra", "__proto__", "constructor", "toString", "Room", "seq", "from"];

/** That command with one thing wrong, and the error that names it. */
function spoilt(command: Record): fc.Arbitrary<Said> {
  const fields = FIELDS[String(command.type)] ?? {};
  const wrong = (field: string, code: ErrorCode = "bad_field"): Expected => ({
    code,
    field,
    ...(field !== "ref" && typeof command.ref === "string" && { ref: command.ref }),
  });
  const badly = Object.entries(fields).map(([field, { bad }]) =>
    fc.constantFrom(...bad).map((value) => ({
      value: { ...command, [field]: value },
      wrong: wrong(field),
    }))
  );
  const missing = Object.keys(fields).filter((field) => fields[field]?.required).map((field) => {
    const { [field]: _, ...rest } = command;
    return fc.constant({ value: rest, wrong: wrong(field) });
  });
  const strange = fc.constantFrom(...STRANGE_FIELDS).map((field) => ({
    value: Object.fromEntries([...Object.entries(command), [field, "x"]]),
    wrong: wrong(field),
  }));
  const untyped = fc.constantFrom(...STRANGE_TYPES).map((type) => ({
    value: { ...command, type },
    wrong: wrong("type", "bad_command"),
  }));
  return fc.oneof(...badly, ...missing, strange, untyped);
}

const nothing: fc.Arbitrary<Said> = fc.constantFrom(null, 7, "chat", true, [])
  .map((value) => ({ value, wrong: { code: "bad_command" } }));

const said: fc.Arbitrary<Said> = fc.oneof(
  { weight: 12, arbitrary: valid.map((value) => ({ value, wrong: undefined })) },
  { weight: 4, arbitrary: valid.chain(spoilt) },
  { weight: 1, arbitrary: nothing },
);

const client = fc.nat(CLIENTS - 1);
const several = fc.array(said, { maxLength: 5 });
const noJson = fc.constantFrom("", "{", "hello", '{"type":"chat"', "\0", "[1,]");

/** A conversation of several clients, of which the first may send arrays. */
export const conversation: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ client, frame: said }) },
    { weight: 4, arbitrary: fc.record({ client: fc.constant(0), frame: several }) },
    { weight: 1, arbitrary: fc.record({ client, frame: fc.oneof(several, noJson) }) },
  ),
  { minLength: 1, maxLength: 60, size: "max" },
);
