/**
 * Who a request comes from, and what that user may do. Each request stands alone: it carries a token,
 * and any node can verify it. Without a token the user is a new guest.
 *
 * @module
 */
import { costOf, COSTS } from "../access/allowances.ts";
import { guestIdentity, type Identity } from "../access/identity.ts";
import type { Charged } from "../access/user_allowances.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Right } from "../protocol/tables.ts";
import type { Hub } from "../rooms/hub.ts";
import type { ConnectedUser } from "../rooms/user.ts";
import type { Call } from "./router.ts";
import { tokenOf } from "./token.ts";

/**
 * Says which user sent a request. The application, which has an API key, is none.
 *
 * @returns `undefined` for a guest without a token.
 * @throws {Refusal} `unauthorized`, `unavailable`
 */
export async function identify(call: Call, hub: Hub): Promise<Identity | undefined> {
  const { request, query, showsCookies, isApplication } = call;
  if (isApplication) {
    const sentence = "Only a user can ask for this. Bring a user's token, and no API key.";
    throw new Refusal("unauthorized", sentence, { field: "token" });
  }
  const view = hub.authenticator.viewOf(request, showsCookies);
  const identity = await hub.authenticator.identify(view, tokenOf(request, query));
  if (identity === undefined) return undefined;
  return { ...identity, user: nameOfNow(hub, identity) };
}

/** Returns a user with the name of now; the token may hold an older one. */
function nameOfNow(hub: Hub, { user, hasFixedName }: Identity) {
  return hasFixedName ? user : { ...user, name: hub.users.current(user).name };
}

/**
 * Says who reads, after checking that this user may read the room of the path, if it names one.
 *
 * @returns `undefined` for the application, which may read every room.
 * @throws {Refusal} `unauthorized`, `forbidden`, `unavailable`
 */
export async function readerOf(call: Call, hub: Hub): Promise<Identity | undefined> {
  if (call.isApplication) return undefined;
  const identity = await identify(call, hub) ?? guestIdentity(hub.guests.newGuest());
  if (call.room !== "") await assertRight(call, hub, identity, "read");
  return identity;
}

/**
 * Takes what a request that writes costs its address and its user, before its body is read. A user
 * has one allowance for sockets and requests; the guests without a token share one for each address,
 * because each request could come from a new guest.
 *
 * @param type the command that does the same as the request.
 * @returns `undefined` for a guest without a token.
 * @throws {Refusal} `unauthorized`, `rate_limited`, `unavailable`
 */
export async function admitWriter(
  call: Call,
  hub: Hub,
  type: Charged["type"],
): Promise<Identity | undefined> {
  const command = { type, room: call.room };
  call.source.spend(costOf(command));
  const identity = await identify(call, hub);
  hub.allowances.spend(payerOf(call, identity), command);
  return identity;
}

/**
 * Takes what a request costs that changes what others said or may do, and says who asks.
 *
 * @param type the command that does the same, or costs as much.
 * @returns `undefined` for the application, which pays nothing.
 * @throws {Refusal} `unauthorized`, `rate_limited`, `unavailable`
 */
export async function admitAsker(
  call: Call,
  hub: Hub,
  type: Charged["type"],
): Promise<Identity | undefined> {
  if (call.isApplication) return undefined;
  // The guests without a token at an address are one, so that a repeated reaction is counted once.
  return await admitWriter(call, hub, type) ?? guestFor(call, hub, "");
}

/**
 * Checks that the application itself asks. Another request costs its address what a command costs.
 *
 * @throws {Refusal} `unauthorized`, `rate_limited`
 */
export function assertIsApplication({ isApplication, source }: Call): void {
  if (isApplication) return;
  source.spend(COSTS.command);
  throw new Refusal("unauthorized", "This needs an API key of the server, in Authorization.");
}

/** Says whose allowance a request takes from: the user's, or that of all without a token at the address. */
export function payerOf({ source }: Call, identity: Identity | undefined): string {
  return identity?.user.id ?? `address\n${source.group}`; // no user's id has a line break
}

/** Returns the same guest for the same key, room and address, so that a retry is by the same user. */
export function guestFor({ source, room }: Call, hub: Hub, key: string): Identity {
  return guestIdentity(hub.guests.guestFor(JSON.stringify([source.address, room, key])));
}

/**
 * Checks that a user has a right in the room of the path.
 *
 * @returns the right, which may be more.
 * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`
 */
export function assertRight(call: Call, hub: Hub, who: Identity, right: Right): Promise<Right> {
  return hub.rights.assert(who, call.source, call.room, right);
}

/**
 * Calls `act` as a user, who is held while it runs and need not be connected.
 *
 * @param name the name that the user wants; a name that the application has chosen stays.
 */
export async function actAs<T>(
  { users }: Hub,
  { user: known, isGuest, hasFixedName }: Identity,
  name: string | undefined,
  act: (user: ConnectedUser) => T | Promise<T>,
): Promise<T> {
  const user = users.hold(known);
  try {
    if (!isGuest) user.update(known, hasFixedName);
    if (name !== undefined && !hasFixedName) user.rename(name);
    return await act(user);
  } finally {
    users.release(user);
  }
}
