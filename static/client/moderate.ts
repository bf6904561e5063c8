/**
 * What a user with the right `manage` in a room may do to other users there, over HTTP.
 *
 * @module
 */
import { answered, request, type Requester, roomPath } from "./http.ts";

/** What can be done to a user in a room. */
export type Moderation = "mute" | "unmute" | "remove" | "ban" | "unban";

/** How it is done. */
export interface ModerationTerms {
  /** Why, in a sentence for the user. */
  readonly payload?: string;
  /** For how long a mute or a ban holds; without it, for good. */
  readonly seconds?: number;
}

const PLACES: { readonly [M in Moderation]: string } = {
  mute: "mutes",
  unmute: "mutes",
  remove: "members",
  ban: "bans",
  unban: "bans",
};

/** Does it. @throws as {@linkcode answered} does. */
export async function moderate(
  requester: Requester,
  room: string,
  what: Moderation,
  userId: string,
  terms: ModerationTerms = {},
): Promise<void> {
  const isImposed = what === "mute" || what === "ban";
  const query = terms.payload && !isImposed
    ? `?${new URLSearchParams({ payload: terms.payload })}`
    : "";
  const path = roomPath(room, `${PLACES[what]}/${encodeURIComponent(userId)}${query}`);
  const method = isImposed ? "PUT" : "DELETE";
  await answered(
    request(requester, path, isImposed ? terms : undefined, undefined, method),
    () => {},
  );
}
