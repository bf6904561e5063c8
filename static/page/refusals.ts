/**
 * Explains a refusal in the user's language: one sentence for each reason.
 *
 * @module
 */
import { ClientError } from "../client/mod.ts";
import { isolated, strings } from "./strings.ts";

/** The parts of a refusal that the sentence depends on. */
export interface Refusal {
  readonly code: string;
  readonly field?: string;
  readonly room?: string;
}

/** Returns the sentence for a refusal; `undefined` if there is only the server's own. */
export function sentenceOf({ code, field, room = "" }: Refusal): string | undefined {
  switch (code) {
    case "room_full":
      return strings.roomFull(isolated(room));
    case "too_many_rooms":
      return strings.tooManyRooms(isolated(room));
    case "rate_limited":
      return field === "address" ? strings.tooManyConnections : strings.tooFast;
    case "unavailable":
      return field === "server" ? strings.serverFull : strings.unavailable;
    case "forbidden":
      if (field === "name") return strings.nameFixed;
      return strings.forbidden(isolated(room));
    case "bad_field":
      return field === "name" ? strings.badName : strings.badRoom(isolated(room));
    default:
      return undefined;
  }
}

/** Why a message was not changed. The page lets users change only what is their own. */
const REVISION_REASONS: Readonly<Partial<Record<string, string>>> = {
  not_found: strings.noSuchMessage,
  conflict: strings.deleted,
  forbidden: strings.tooLate,
};

/** Returns why a message was not stored, or not changed. An application's own words are shown as they are. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ClientError)) return String(error);
  const { code, field, message } = error;
  switch (code) {
    case "full":
      return strings.tooMany;
    case "closed":
      return strings.closed;
    case "too_large":
      return strings.tooLarge;
    case "not_in_room":
    case "left":
      return strings.notInRoom;
    default:
      return field === "seq" ? REVISION_REASONS[code] ?? message : message;
  }
}
