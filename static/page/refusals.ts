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

/** Returns why a message was not stored. An application's own words are shown as they are. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ClientError)) return String(error);
  const { code, message } = error;
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
      return message;
  }
}
