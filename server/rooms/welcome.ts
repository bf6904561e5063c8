/**
 * `welcome` makes the answer to `hello`, which may come over a socket, an event stream or a request.
 *
 * @module
 */
import type { User, WelcomeEvent } from "../protocol/messages.ts";
import type { HubContext } from "./hub.ts";

export function welcome({ identity, options }: HubContext, user: User): WelcomeEvent {
  return {
    type: "welcome",
    user,
    token: identity.mint(user),
    heartbeatSeconds: options.heartbeatSeconds,
    limits: {
      frameBytes: options.frameBytes,
      rate: options.rate,
      burst: options.burst,
      roomsPerConnection: options.maxRoomsPerConnection,
    },
  };
}
