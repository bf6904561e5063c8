/**
 * `createParts` makes the parts of a client and ties them together: the connection, what is sent over it,
 * and what is received.
 *
 * @module
 */
import { createConnection } from "./connection.ts";
import { closedError } from "./errors.ts";
import type { Dispatch } from "./events.ts";
import { createIdentity, type SavedGuest } from "./identity.ts";
import type { Membership } from "./membership.ts";
import type { ClientOptions } from "./options.ts";
import { createOutbox, type SavedMessages } from "./outbox.ts";
import { receiver } from "./receiver.ts";
import { type ClientParts, createSender, type Sender } from "./sender.ts";
import { browserStorage, stored } from "./storage.ts";

/**
 * Makes the parts of a client, which begins to connect.
 *
 * @param url the server's `/ws`.
 */
export function createParts(
  url: string,
  options: ClientOptions,
  dispatch: Dispatch,
): readonly [...ClientParts, sender: Sender] {
  const {
    identity: guests = browserStorage("localStorage"),
    outbox: messages = browserStorage("sessionStorage"),
    maxUnsent = 256,
  } = options;
  const guest = stored<SavedGuest>(guests, "parley.me", dispatch);
  const unsent = stored<SavedMessages>(messages, "parley.unsent", dispatch);
  const identity = createIdentity(guest, options.name);
  const outbox = createOutbox(unsent, maxUnsent, dispatch);
  const connection = createConnection(url, options, identity, dispatch, {
    welcomed: ({ limits }) => sender.connected(limits),
    received: (...what) => receive(...what),
    disconnected: () => sender.disconnected(),
    ended(reason, forget) {
      const error = closedError(reason);
      outbox.abandon(error, forget);
      for (const room of rooms.keys()) sender.giveUp(room, error);
    },
  });
  const rooms = new Map<string, Membership>();
  const parts: ClientParts = [connection, dispatch, identity, outbox, rooms];
  const sender = createSender(parts);
  const receive = receiver(parts, sender);
  connection.open();
  return [...parts, sender];
}
