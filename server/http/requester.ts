/**
 * The user that a request comes from, and what that user may do. Each request stands alone: its token
 * holds the id and the name, and any node can verify it. Without a token the user is a new guest.
 *
 * @module
 */
import { COSTS } from "../access/allowances.ts";
import { bearerOf } from "../access/api_keys.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { User } from "../protocol/messages.ts";
import type { Hub } from "../rooms/hub.ts";
import type { ConnectedUser } from "../rooms/user.ts";
import type { Call } from "./router.ts";

/**
 * Returns the token of the `Authorization` header (RFC 6750 §2.1), or of the query, for clients that
 * cannot set headers. A header of another form gives `""`, which no user has.
 */
export function tokenOf({ request, query }: Call): string | undefined {
  return bearerOf(request.headers) ?? (query.get("token") || undefined);
}

/**
 * Checks that the application itself asks. A wrong key costs as much as any request.
 *
 * @throws {Refusal} `unauthorized`, `rate_limited`
 */
export function assertIsApplication(call: Call, hub: Hub): void {
  if (call.isApplication) return;
  admitWriter(call, hub, COSTS.command);
  throw new Refusal("unauthorized", "This needs an API key of the server.", { field: "key" });
}

/**
 * Returns the user who reads, after checking that this user may join the room of the path, if it names one.
 *
 * @throws {Refusal} `unauthorized`, `forbidden`
 */
export function readerOf(call: Call, hub: Hub): User {
  const user = hub.users.current(userOf(call, hub) ?? hub.context.identity.newGuest());
  if (call.room !== "") hub.rights.assertCanJoin(user, call.room);
  return user;
}

/**
 * Takes what a request that writes costs its address and its user, before its body is read. A user
 * has one allowance for sockets and requests; the guests without a token share one for each address,
 * because each request could come from a new guest.
 *
 * @returns the user of the token, or `undefined` without a token.
 * @throws {Refusal} `unauthorized`, `rate_limited`
 */
export function admitWriter(call: Call, hub: Hub, cost: number): User | undefined {
  call.source.spend(cost);
  const user = userOf(call, hub);
  const retryAfterMs = hub.allowances.take(user?.id ?? `address ${call.source.group}`);
  if (retryAfterMs === 0) return user;
  throw new Refusal("rate_limited", "Too many requests. Slow down.", { retryAfterMs });
}

/** Returns the same guest for the same key, room and address, so that a retry is by the same user. */
export function guestFor({ source, room }: Call, hub: Hub, key: string): User {
  return hub.context.identity.guestFor(JSON.stringify([source.address, room, key]));
}

/**
 * Calls `act` as a user, who is held while it runs and need not be connected.
 *
 * @param name the new name of the user, if it changes.
 */
export async function actAs<T>(
  { users }: Hub,
  { id, name: oldName }: User,
  name: string | undefined,
  act: (user: ConnectedUser) => T | Promise<T>,
): Promise<T> {
  const user = users.hold(id, oldName);
  try {
    if (name !== undefined) user.rename(name);
    return await act(user);
  } finally {
    users.release(user);
  }
}

/**
 * Checks that a user may join and speak in a room.
 *
 * @throws {Refusal} `forbidden`
 */
export function assertCanWrite({ rights }: Hub, { user }: ConnectedUser, room: string): void {
  rights.assertCanJoin(user, room);
  rights.assertCanSpeak(user, room);
}

/** @throws {Refusal} `unauthorized` */
function userOf(call: Call, { context: { identity } }: Hub): User | undefined {
  const token = tokenOf(call);
  return token === undefined ? undefined : identity.userOf(token);
}
