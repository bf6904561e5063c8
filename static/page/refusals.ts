/**
 * Explains a refusal in the user's language: one sentence for each reason.
 *
 * @module
 */
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
      return strings.forbidden(isolated(room));
    default:
      return undefined;
  }
}
