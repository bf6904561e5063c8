/**
 * `retain` has a `custom` event retained: it is stored as the newest of its name, then sent to the members,
 * and given to whoever joins.
 *
 * @module
 */
import { FullError } from "../broker/broker.ts";
import { RetainedBoundError, type RetainedEvent } from "../broker/retained.ts";
import { reason } from "../log.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "./hub.ts";

const RETRY_MS = 1000;

/**
 * Stores an event as the newest of its name.
 *
 * @throws {Refusal} `forbidden` if the room keeps nothing, `too_large` if the room retains too much,
 * `conflict` if it was stored before and another has taken its place, `unavailable` if it cannot be stored
 * now.
 */
export async function retain(
  { rooms, context: { broker, rules, log } }: Hub,
  room: string,
  event: RetainedEvent,
): Promise<void> {
  if (!event.isRemoval) rules.assertStored(room);
  if (rooms.get(room)?.isReplaced(event)) {
    const sentence =
      "It was stored before, and another event of that name has taken its place since.";
    throw new Refusal("conflict", sentence, { field: "ref" });
  }
  try {
    await broker.retain(room, event);
  } catch (thrown) {
    if (thrown instanceof RetainedBoundError) {
      throw new Refusal("too_large", thrown.message, { field: "retain" });
    }
    if (!(thrown instanceof FullError)) {
      log.error("retain failed", { room, reason: reason(thrown) });
    }
    const sentence = thrown instanceof FullError
      ? thrown.message
      : "The event could not be stored. Send it again later.";
    throw new Refusal("unavailable", sentence, { field: "retain", retryAfterMs: RETRY_MS });
  }
}
