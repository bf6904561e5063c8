/** Says why the server refused something, in the reader's language: one sentence for each reason. */

import { isolated, strings } from "./strings.ts";

/** What a refusal says of itself. */
export interface Reason {
  readonly code: string;
  readonly field?: string;
  readonly room?: string;
}

/** The sentence for a refusal, or `undefined` if there is none but the server's own. */
export function sentenceOf({ code, field, room = "" }: Reason): string | undefined {
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
