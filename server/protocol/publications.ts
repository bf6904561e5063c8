/**
 * A publication is what the application itself says in a room, over HTTP with an API key or in process.
 * It is parsed by the table of requests, like every other body, and by the rules here, which look at
 * more than one field.
 *
 * @module
 */
import { chatRest, messageRest } from "./encode.ts";
import type { Json, Message, User } from "./messages.ts";
import { parseName } from "./names.ts";
import { parseRequest } from "./parse.ts";
import { badField, Refusal } from "./refusal.ts";
import type { PublicationRequest } from "./requests.ts";
import { TEXT } from "./rules.ts";
import { MAX_PUBLICATION_BYTES } from "./tables.ts";

/** What the application says, ready for any room. */
export interface Publication {
  readonly type: Message["type"];
  readonly userId: string;
  readonly ref: string | undefined;
  /** What follows `seq` and `at` in its event. */
  readonly rest: string;
  /** Whether it is stored. */
  readonly isDurable: boolean;
  /** For an event that is retained: its name, and whether it removes what was retained. */
  readonly retains: { readonly name: string; readonly isRemoval: boolean } | undefined;
}

/** Who speaks if the application does not say. */
export const SERVER: User = { id: "server", name: "Server" };

/** The fields that only a `custom` event has. */
export const CUSTOM_FIELDS = ["name", "durable", "retain"] as const;

/**
 * Checks what an application says in one room.
 *
 * @throws {Refusal} `bad_command`, `bad_field`, `too_large`
 */
export function parsePublication(value: unknown): Publication {
  return publicationOf(parseRequest("publication", value));
}

/**
 * Checks what an application says in many rooms.
 *
 * @throws {Refusal} `bad_command`, `bad_field`, `too_large`
 */
export function parsePublish(
  value: unknown,
): { readonly rooms: readonly string[]; readonly publication: Publication } {
  const request = parseRequest("publish", value);
  const rooms = new Set<string>();
  request.rooms.forEach((room: unknown, index) => {
    const field = `rooms[${index}]`;
    const name = parseName(field, typeof room === "string" ? room : undefined);
    if (rooms.has(name)) throw badField(field, `Room ${JSON.stringify(name)} is named twice.`);
    rooms.add(name);
  });
  return { rooms: [...rooms], publication: publicationOf(request) };
}

function publicationOf(request: PublicationRequest): Publication {
  const { type = "chat", payload, name, durable = false, retain = false, ref, replyTo } = request;
  const { id, name: sender, info, guest } = request.from ?? SERVER;
  const from: User = {
    id,
    name: sender,
    ...(info !== undefined && { info }),
    ...(guest !== undefined && { guest }),
  };
  const common = { type, userId: id, ref };
  if (type === "chat") {
    const misplaced = CUSTOM_FIELDS.find((field) => request[field] !== undefined);
    if (misplaced !== undefined) throw badField(misplaced, notOfChat(misplaced));
    const text = parseText(payload);
    const rest = checkLength(chatRest(JSON.stringify(from), text, ref, replyTo), text);
    return { ...common, rest, isDurable: true, retains: undefined };
  }
  if (replyTo !== undefined) {
    throw badField("replyTo", 'Only a "chat" has the field "replyTo".');
  }
  if (name === undefined) throw badField("name", 'A "custom" event needs the field "name".');
  if (durable && retain) {
    throw badField("retain", 'Field "retain" does not go with "durable".');
  }
  const rest = checkLength(messageRest<"custom">({ name, from, payload }, ref), payload);
  const retains = retain ? { name, isRemoval: payload === null } : undefined;
  return { ...common, rest, isDurable: durable, retains };
}

/**
 * Checks a text of the application.
 *
 * @throws {Refusal} `bad_field`, `too_large`
 */
export function parseText(payload: unknown): string {
  if (typeof payload === "string" && TEXT.accepts(payload)) return checkLength(payload, payload);
  throw badField("payload", `Field "payload" of a "chat" must be ${TEXT.expects}.`);
}

function notOfChat(field: string): string {
  const hint = field === "name" ? ' The sender of a "chat" is in "from".' : "";
  return `Only a "custom" event has the field "${field}".${hint}`;
}

/**
 * Limits the length of a payload. An embedding program may hand in any value, and a body that is short
 * may become long: `1e20` has 4 characters, and 21 as JSON writes it.
 */
function checkLength(rest: string, payload: Json): string {
  const max = MAX_PUBLICATION_BYTES;
  if (rest.length <= max || JSON.stringify(payload).length <= max) return rest;
  const sentence = `Field "payload" may have at most ${max} characters of JSON.`;
  throw new Refusal("too_large", sentence, { field: "payload" });
}
