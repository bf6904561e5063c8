/**
 * Who a request comes from. Each stands alone: the session token says it all, and any node can read
 * it. Without one the caller is a guest who was never seen before.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";
import type { User } from "../protocol/messages.ts";
import type { Hub } from "../rooms/hub.ts";
import type { Call } from "./router.ts";

/** The token as sent in a header (RFC 6750 §2.1), or in the address, for what cannot set headers. */
export function tokenOf({ request, query }: Call): string | undefined {
  const header = request.headers.get("authorization");
  if (header === null) return query.get("token") || undefined;
  return /^Bearer +([^ ]+) *$/i.exec(header)?.[1] ?? "";
}

/**
 * Whom the token proves, or `undefined` without a token.
 *
 * @throws {Refusal} `unauthorized`
 */
export function userOf(call: Call, { context: { identity } }: Hub): User | undefined {
  const token = tokenOf(call);
  if (token === undefined) return undefined;
  const user = identity.verify(token);
  if (user !== undefined) return user;
  throw new Refusal("unauthorized", "That token is not one of this server's.", { field: "token" });
}

/**
 * Who asks, if that person may read that room.
 *
 * @throws {Refusal} `unauthorized`, `forbidden`
 */
export function readerOf(call: Call, hub: Hub): User {
  const user = hub.users.current(userOf(call, hub) ?? hub.context.identity.newGuest());
  if (call.room === "" || hub.context.authorize(user, "join", call.room)) return user;
  throw forbidden("join", call.room);
}

export function forbidden(action: "join" | "speak in", room: string): Refusal {
  return new Refusal("forbidden", `You may not ${action} ${JSON.stringify(room)}.`, {
    field: "room",
  });
}
