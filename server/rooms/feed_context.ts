/**
 * `FeedContext` is what a feed needs of its room.
 *
 * @module
 */
import type { NodeContext } from "./context.ts";
import type { Pending } from "./pending.ts";
import type { Presence } from "./presence.ts";
import type { RetainedEvents } from "./retained_events.ts";
import type { Subscriber } from "./subscriber.ts";

/** What a feed needs of its room. */
export interface FeedContext extends NodeContext {
  readonly presence: Presence;
  readonly retained: RetainedEvents;
  queue(pending: Pending): void;
  /** Removes a subscriber that could not be let in, and tells it. */
  joinFailed(subscriber: Subscriber, ref: string | undefined): void;
}
