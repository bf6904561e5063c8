/**
 * The wire, version 1: what a client may say (commands), what it is told (events), and the tables
 * of errors, close codes and subprotocols. It owns every word and every bound of the protocol, and
 * knows nothing of connections, rooms or storage.
 *
 * A command is parsed from `unknown` once, here. The table of fields is the only description of a
 * command: the parser walks it, the compiler holds it against the interfaces below, and the
 * published JSON Schemas are made from it.
 *
 * @module
 */

/** A person, as others see them. */
export interface User {
  /** Chosen by the server, stable for as long as the client keeps its token. */
  readonly id: string;
  /** 1 to 64 visible characters, as {@linkcode NAME} says; not unique. */
  readonly name: string;
}

/** A place in a room's log: everything up to and including `seq` has been seen. */
export interface Cursor {
  /** Names the log. A cursor from another epoch says nothing about this log. */
  readonly epoch: string;
  /** The last `seq` seen; 0 before the first message. */
  readonly seq: number;
}

// ---------------------------------------------------------------------------------------------
// Commands: client → server. In all of them `room` defaults to "lobby", and `ref` (1 to 64
// characters, the sender's own) comes back in the echo or in the error.
// ---------------------------------------------------------------------------------------------

/** Says who the client is; answered by {@linkcode WelcomeEvent}. Without it the client is a guest. */
export interface HelloCommand {
  readonly type: "hello";
  readonly name?: string;
  /** The token of an earlier `welcome`: the client is that person again. */
  readonly token?: string;
  readonly ref?: string;
}

/** Enters a room; answered by {@linkcode JoinedEvent}, the missed or recent messages, then live ones. */
export interface JoinCommand {
  readonly type: "join";
  readonly room: string;
  /** Where the client left off. Without it, it gets the room's recent messages. */
  readonly since?: Cursor;
  readonly ref?: string;
}

/** Leaves a room. */
export interface LeaveCommand {
  readonly type: "leave";
  readonly room: string;
  readonly ref?: string;
}

/** Says something: stored, numbered, and sent to all members, the sender included. */
export interface ChatCommand {
  readonly type: "chat";
  readonly room: string;
  readonly payload: string;
  readonly ref?: string;
}

/** An application's own event, to all members, the sender included; stored only if `durable`. */
export interface CustomCommand {
  readonly type: "custom";
  readonly room: string;
  /** 1 to 64 visible characters. */
  readonly name: string;
  /** Any JSON value, nested at most {@linkcode MAX_DEPTH} deep. */
  readonly payload: Json;
  readonly ref?: string;
  readonly durable?: boolean;
}

/** The sender began (`true`) or stopped (`false`) typing; to the others. */
export interface TypingCommand {
  readonly type: "typing";
  readonly room: string;
  readonly payload: boolean;
  readonly ref?: string;
}

/** Takes a new name, in all rooms and in all of the person's tabs. */
export interface RenameCommand {
  readonly type: "rename";
  readonly name: string;
  readonly ref?: string;
}

/** An answer to `ping`; not required of anyone. */
export interface PongCommand {
  readonly type: "pong";
  readonly at?: number;
  readonly ref?: string;
}

/** Anything a client may say. */
export type Command =
  | HelloCommand
  | JoinCommand
  | LeaveCommand
  | ChatCommand
  | CustomCommand
  | TypingCommand
  | RenameCommand
  | PongCommand;

/** A JSON value (RFC 8259). */
export type Json = null | boolean | number | string | readonly Json[] | {
  readonly [key: string]: Json;
};

// ---------------------------------------------------------------------------------------------
// Events: server → client
// ---------------------------------------------------------------------------------------------

/** The limits that hold for this connection, so that a client can stay within them; 0 is no limit. */
export interface AnnouncedLimits {
  /** The largest frame that the server reads, in bytes of UTF-8. */
  readonly frameBytes: number;
  /** Commands a second, sustained. */
  readonly rate: number;
  /** Commands at once. */
  readonly burst: number;
  /** Rooms that one connection may be in. */
  readonly roomsPerConnection: number;
}

/** The answer to `hello`. */
export interface WelcomeEvent {
  readonly type: "welcome";
  readonly user: User;
  /**
   * Keep it, and say it in the next `hello`, to be the same person, by the same name. It is a secret.
   * After a `rename` it still says the old name; a `hello` with the new one is answered with a new token.
   */
  readonly token: string;
  /** How often a `ping` comes. Two missed in a row: the server is dead. */
  readonly heartbeatSeconds: number;
  readonly limits: AnnouncedLimits;
}

/** The answer to `join`. Missed or recent messages follow it, then live ones. */
export interface JoinedEvent {
  readonly type: "joined";
  readonly room: string;
  readonly epoch: string;
  /** The room's newest `seq`. */
  readonly seq: number;
  /**
   * True: every message after the `since` that was asked for follows, and nothing else. False:
   * start the room afresh with the messages that follow. A room joined without `since` says false.
   * It may also come unasked, to a reader so slow that the log was pruned past its cursor.
   */
  readonly recovered: boolean;
  /** At most {@linkcode MAX_LISTED} people; `memberCount` says how many there are. */
  readonly members: readonly User[];
  readonly memberCount: number;
}

/** A message, live or replayed: the same text either way. */
export interface ChatEvent {
  readonly type: "chat";
  readonly room: string;
  /** 1, 2, 3 … in each room, no holes. */
  readonly seq: number;
  /** When it was committed, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
  readonly from: User;
  readonly payload: string;
  readonly ref?: string;
}

/** An application's own event; it has `seq` and `at` if it was durable. */
export interface CustomEvent {
  readonly type: "custom";
  readonly room: string;
  readonly seq?: number;
  readonly at?: number;
  readonly name: string;
  readonly from: User;
  readonly payload: Json;
  readonly ref?: string;
}

/** A notice about people, in a room of up to 200; above that only `count` comes, once a second. */
export interface SystemEvent {
  readonly type: "system";
  readonly room: string;
  /** A sentence for people. */
  readonly payload: string;
  readonly kind: "joined" | "left" | "renamed" | "count";
  /** Whom it is about; for `renamed`, with the new name. */
  readonly user?: User;
  readonly memberCount: number;
}

/** Somebody began or stopped typing. At most one a second a person. */
export interface TypingEvent {
  readonly type: "typing";
  readonly room: string;
  readonly from: User;
  readonly payload: boolean;
}

/** The heartbeat. */
export interface PingEvent {
  readonly type: "ping";
  readonly at: number;
}

/** A command was refused and changed nothing. */
export interface ErrorEvent {
  readonly type: "error";
  readonly code: ErrorCode;
  /** A sentence for people. */
  readonly payload: string;
  /** The field that was wrong. */
  readonly field?: string;
  /** The refused command's own. */
  readonly ref?: string;
  /** The room that cannot be joined: a stream of several rooms goes on without it. */
  readonly room?: string;
  /** Try again, but not sooner than this. */
  readonly retryAfterMs?: number;
}

/** The server is going; a close follows. Each client is told its own delay. */
export interface ByeEvent {
  readonly type: "bye";
  readonly payload: string;
  readonly retryAfterMs: number;
}

/** Anything a client is told. */
export type Event =
  | WelcomeEvent
  | JoinedEvent
  | ChatEvent
  | CustomEvent
  | SystemEvent
  | TypingEvent
  | PingEvent
  | ErrorEvent
  | ByeEvent;

/** The events that are in a room's log. */
export type Message = ChatEvent | (CustomEvent & { readonly seq: number; readonly at: number });

// ---------------------------------------------------------------------------------------------
// Tables
// ---------------------------------------------------------------------------------------------

/** Subprotocols (RFC 6455 §1.9), best first. Without one a client is *plain*: it joins at once. */
export const SUBPROTOCOLS = {
  /** A JSON array of events a frame; may send a command or an array of commands. */
  batched: "parley.v1.batched",
  /** One event a frame. */
  single: "parley.v1",
} as const;

/** Error codes: the HTTP status that goes with each, and whether the same command may succeed later. */
export const ERRORS = {
  bad_json: { status: 400, retry: false },
  bad_command: { status: 400, retry: false },
  bad_field: { status: 400, retry: false },
  too_large: { status: 413, retry: false },
  rate_limited: { status: 429, retry: true },
  not_in_room: { status: 403, retry: false },
  room_full: { status: 503, retry: true },
  too_many_rooms: { status: 429, retry: true },
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  conflict: { status: 409, retry: false },
  unavailable: { status: 503, retry: true },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Close codes (RFC 6455 §7.4): why, and whether a client should come back. */
export const CLOSE_CODES = {
  1000: { reason: "done", comeBack: false },
  1001: { reason: "going away", comeBack: true },
  1003: { reason: "binary frames are not understood", comeBack: false },
  1008: { reason: "policy", comeBack: false },
  1009: { reason: "frame too large", comeBack: false },
  1012: { reason: "server restart", comeBack: true },
  1013: { reason: "overloaded, or the reader is too slow", comeBack: true },
} as const;

export type CloseCode = keyof typeof CLOSE_CODES;

/** The room of a command that names none. */
export const DEFAULT_ROOM = "lobby";
/** How deep a `custom` payload may nest. */
export const MAX_DEPTH = 32;
/** How many people `joined` lists. */
export const MAX_LISTED = 100;

// ---------------------------------------------------------------------------------------------
// Parsing
// ---------------------------------------------------------------------------------------------

/** A command or request that cannot be carried out, in the wire's own terms. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  /** Whole milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    sentence: string,
    more: { field?: string; retryAfterMs?: number } = {},
  ) {
    super(sentence);
    this.name = "Refusal";
    this.code = code;
    this.field = more.field;
    this.retryAfterMs = more.retryAfterMs && Math.ceil(more.retryAfterMs);
  }

  /** The `error` event that tells the sender. */
  event(ref?: string): ErrorEvent {
    return {
      type: "error",
      code: this.code,
      payload: this.message,
      ...(this.field !== undefined && { field: this.field }),
      ...(ref !== undefined && { ref }),
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
    };
  }
}

/** What a field must be: for the parser, for people, and for the published schemas. */
export interface Rule {
  readonly accepts: (value: unknown) => boolean;
  /** Completes the sentence "Field "x" must be …". */
  readonly expects: string;
  /** JSON Schema 2020-12 of the same. */
  readonly schema: Readonly<Record<string, unknown>>;
}

interface Field extends Rule {
  readonly required: boolean;
}

const must = (rule: Rule): Field => ({ ...rule, required: true });
const may = (rule: Rule): Field => ({ ...rule, required: false });

function pattern(source: string, expects: string): Rule {
  const expression = new RegExp(source, "u");
  return {
    accepts: (value) => typeof value === "string" && expression.test(value),
    expects,
    schema: { type: "string", pattern: source },
  };
}

/** What Unicode calls visible, though its glyph is blank or stands for something that is missing. */
const BLANKS = "\\u2800\\u303F\\uFFFC\\u{13441}\\u{13442}\\u{16FE4}\\u{1D159}";
/** After these signs Indic scripts write a joiner: it changes the letter (RFC 5892, appendix A.1). */
const VIRAMAS = "\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D4D\\u0DCA";
/** Arabic letters that never join to the next one, so that a non-joiner after them cannot be seen. */
const UNJOINED =
  "\\u0621-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677" +
  "\\u0688-\\u0699\\u06C0\\u06C3-\\u06CB\\u06CD\\u06CF\\u06D2\\u06D3\\u06D5\\u06EE\\u06EF";

/** The characters of a word: those that are seen, and the invisible ones where they change what is seen. */
const SEEN = [
  `[^\\p{C}\\p{Z}\\p{Default_Ignorable_Code_Point}${BLANKS}]`,
  // A heart or a keycap as an emoji, and emoji joined into one: ❤️ 1️⃣ 👩‍💻
  "(?<=\\p{Extended_Pictographic})[\\uFE0E\\uFE0F]",
  "(?<=[#*0-9])\\uFE0F(?=\\u20E3)",
  "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F])\\u200D(?=\\p{Extended_Pictographic})",
  // क्‍ष in Devanagari, علی‌رضا in Persian
  `(?<=[${VIRAMAS}])(?:\\u200D|\\u200C(?=\\p{L}))`,
  `(?<=(?![${UNJOINED}])(?=\\p{L})\\p{Script=Arabic})\\u200C(?=\\p{Script=Arabic})`,
].join("|");
/** No word begins with a mark: it would change the space, or the text, before it. */
const WORD = `(?!\\p{M})(?:${SEEN})+`;

/** Some of what the pattern below accepts. Most names are like this, and it takes half of the time. */
const PLAIN_NAME = /^[\w-](?: ?[!-~])*$/;

const NAME_PATTERN = pattern(
  // "." and ".." are steps in a URL's path (RFC 3986 §5.2.4): no request could name such a room.
  `^(?!\\.{1,2}$)(?=.{1,64}$)${WORD}(?: ${WORD})*$`,
  "1 to 64 visible characters in Unicode's form NFC, with single spaces between words only, without " +
    'control, format or filler characters, and neither "." nor ".."',
);

/**
 * A name of a person, room or event can be seen and told apart from others. What is invisible or
 * blank is refused, never taken out: names are shown as they were said. Variants of Han and Mongolian
 * letters are refused too, since most fonts show none. A schema's pattern cannot speak of NFC; the
 * rest it says.
 */
export const NAME: Rule = {
  ...NAME_PATTERN,
  accepts: (value) =>
    typeof value === "string" && value.length <= 64 && PLAIN_NAME.test(value) ||
    NAME_PATTERN.accepts(value) && typeof value === "string" && value === value.normalize("NFC"),
};

/**
 * A name from a URL's path or query.
 *
 * @throws {Refusal} `bad_field`
 */
export function parseName(field: string, text: string | undefined): string {
  if (text !== undefined && NAME.accepts(text)) return text;
  throw badField(field, `Field "${field}" must be ${NAME.expects}.`);
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

const BOOLEAN: Rule = {
  accepts: (value) => typeof value === "boolean",
  expects: "true or false",
  schema: { type: "boolean" },
};

const NUMBER: Rule = {
  accepts: (value) => typeof value === "number" && Number.isFinite(value),
  expects: "a finite number",
  schema: { type: "number" },
};

const TOKEN: Rule = pattern("^[\\w.-]{1,4096}$", "a token that this server gave out");

const ANY_JSON: Rule = {
  accepts: (value) => value !== undefined && isStorable(value, 0),
  expects: `JSON of well-formed text and finite numbers, nested at most ${MAX_DEPTH} deep`,
  schema: { $ref: "#/components/schemas/Json" },
};

const SINCE: Rule = {
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

/** The body of `POST /hello`: the token is said as in every request. */
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

interface Requests {
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

/** Fields as the parser walks them. */
interface Fields {
  /** Whose they are, as the beginning of a sentence. */
  readonly of: string;
  readonly byName: ReadonlyMap<string, Field>;
  readonly required: readonly string[];
}

function fieldsOf(of: string, fields: Readonly<Record<string, Field>>): Fields {
  const required = Object.keys(fields).filter((name) => fields[name]?.required);
  return { of, byName: new Map(Object.entries(fields)), required };
}

const COMMAND_FIELDS = new Map(
  Object.entries(COMMANDS).map(([type, fields]) => [type, fieldsOf(`Command "${type}"`, fields)]),
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

function badField(field: string, sentence: string): Refusal {
  return new Refusal("bad_field", sentence, { field: clip(field) });
}

/** Hostile text within our own sentences: short, and escaped. */
function quote(text: string): string {
  return JSON.stringify(clip(text));
}

function clip(text: string): string {
  return text.slice(0, 64).toWellFormed();
}

function isRecord(value: unknown): value is Record<string, unknown> {
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

// ---------------------------------------------------------------------------------------------
// Encoding
// ---------------------------------------------------------------------------------------------

/**
 * A message on its way into the log: complete but for `seq` and `at`, which the broker writes
 * between `head` and `rest`. What comes out is stored, sent and replayed as it is.
 */
export interface Draft {
  readonly room: string;
  /** The sender's id: `ref` is unique for a person in a room. */
  readonly userId: string;
  readonly ref: string | undefined;
  /** Whether the sender, not being in the room, has to be told where its message is. */
  readonly receipt?: boolean;
  /** `{"type":…,"room":…,"seq":` */
  readonly head: string;
  /** `"from":…,"payload":…}` */
  readonly rest: string;
}

/** The text of a draft's event, once it has its place. */
export function numbered(draft: Draft, seq: number, at: number): string {
  return `${draft.head}${seq},"at":${at},${draft.rest}`;
}

/** The beginning of every message of that type in that room. */
export function messageHead(type: Message["type"], room: string): string {
  return `{"type":"${type}","room":${JSON.stringify(room)},"seq":`;
}

/** What follows `seq` and `at` in a `chat` event. @param from the sender as JSON. */
export function chatRest(from: string, payload: string, ref: string | undefined): string {
  return `"from":${from},"payload":${jsonOf(payload)}${refTail(ref)}`;
}

/** The end of a message's text. */
export function refTail(ref: string | undefined): string {
  return ref === undefined ? "}" : `,"ref":${jsonOf(ref)}}`;
}

/** What JSON leaves as it is: most of what people say in English, and every usual `ref`. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Text as JSON. To look first takes half as long as to ask `JSON` at once. */
function jsonOf(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** An event as text. */
export function encode(event: Event): string {
  return JSON.stringify(event);
}
