/**
 * `welcome` makes the answer to `hello`, which may come over a socket, an event stream or a request.
 *
 * @module
 */
import type { User, WelcomeEvent } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";

/** @param isGuest a guest gets a token; a user of the application has one. */
export function welcome(
  { guests, context: { options } }: Hub,
  user: User,
  isGuest: boolean,
): WelcomeEvent {
  return {
    type: "welcome",
    at: Date.now(),
    user,
    ...(isGuest && { token: guests.mint(user) }),
    heartbeatSeconds: options.heartbeatSeconds,
    limits: {
      frameBytes: options.frameBytes,
      rate: options.rate,
      burst: options.burst,
      roomsPerConnection: options.maxRoomsPerConnection,
      editSeconds: options.editSeconds,
    },
  };
}
