/**
 * `publish` and `publishToAll` carry out what the application says. It is no member, and has no limit of
 * rate. So that a large publication does not fill the queue of the tick, in which everybody's messages
 * wait, only a part of it is queued at once.
 *
 * @module
 */
import { unnumbered } from "../protocol/encode.ts";
import type { Publication } from "../protocol/publications.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";
import { post, type Posted } from "./post.ts";
import { retain } from "./retain.ts";

/** What became of a publication in one of its rooms. */
export type Outcome = { readonly room: string } & (Published | { readonly refusal: Refusal });

/** What was said: an event that is stored has a `seq`. */
export type Published = Posted | { readonly event: string; readonly seq: undefined };

/** Characters of one publication that are queued at once: a sixteenth of what the queue takes. */
const CHARS_AT_ONCE = 1_048_576;

/**
 * Says something in a room, whether or not the room has members.
 *
 * @returns the event, with its `seq` if it is stored.
 * @throws {Refusal} `unavailable`, `conflict`
 */
export async function publish(
  hub: Hub,
  room: string,
  publication: Publication,
): Promise<Published> {
  const { type, rest, isDurable, retains } = publication;
  if (isDurable) return await post(hub, { room, ...publication });
  const event = unnumbered(type, room, rest);
  if (retains === undefined) hub.context.broker.signal(room, { event });
  else await retain(hub, room, { ...retains, event });
  return { event, seq: undefined };
}

/** Says the same in many rooms. A room that fails does not keep it from the others. */
export async function publishToAll(
  hub: Hub,
  rooms: readonly string[],
  publication: Publication,
): Promise<Outcome[]> {
  const roomsAtOnce = Math.max(1, Math.floor(CHARS_AT_ONCE / publication.rest.length));
  const outcomes: Outcome[] = [];
  for (let index = 0; index < rooms.length; index += roomsAtOnce) {
    const some = rooms.slice(index, index + roomsAtOnce);
    outcomes.push(...await Promise.all(some.map((room) => outcomeIn(hub, room, publication))));
  }
  return outcomes;
}

async function outcomeIn(hub: Hub, room: string, publication: Publication): Promise<Outcome> {
  try {
    return { room, ...await publish(hub, room, publication) };
  } catch (thrown) {
    if (thrown instanceof Refusal) return { room, refusal: thrown };
    throw thrown;
  }
}
