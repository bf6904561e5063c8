/**
 * `membersOf` says who is in a room, on all nodes, whether or not the room is open on this one.
 *
 * @module
 */
import type { User } from "../protocol/messages.ts";
import type { Hub } from "./hub.ts";

/** How many members are listed at most. */
export const MAX_MEMBERS = 1000;

/** The members of a room. */
export interface Members {
  /** How many members there are. */
  readonly memberCount: number;
  /** At most 1,000 of them, in no particular order. */
  readonly members: readonly User[];
}

/** Lists the members of a room. */
export async function membersOf(hub: Hub, room: string): Promise<Members> {
  const here = hub.rooms.get(room)?.presence.users ?? [];
  const shared = await hub.context.broker.members?.list(room) ?? [];
  // Those who have just come by this node may not be known to the others yet.
  const all = new Map([...shared, ...here].map((user) => [user.id, user]));
  return { memberCount: all.size, members: [...all.values().take(MAX_MEMBERS)] };
}

/** Returns a member of a room, or `undefined` if there is none with that id. */
export async function memberOf(hub: Hub, room: string, id: string): Promise<User | undefined> {
  return hub.rooms.get(room)?.presence.find(id) ??
    await hub.context.broker.members?.find(room, id);
}
