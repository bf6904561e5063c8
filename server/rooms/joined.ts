/**
 * `joined` makes the answer to `join`. It also comes to a member who has to start afresh.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import { joinedText } from "../protocol/encode.ts";
import type { JoinedEvent } from "../protocol/messages.ts";
import { MAX_LISTED } from "../protocol/tables.ts";
import type { NodeContext } from "./context.ts";
import type { Presence } from "./presence.ts";
import type { Subscriber } from "./subscriber.ts";

/**
 * @param start where the subscriber begins.
 * @param mark the user's read mark, if there is one.
 */
export function joined(
  { presence, rules }: NodeContext & { readonly presence: Presence },
  subscriber: Subscriber,
  start: Pick<JoinedEvent, "room" | "epoch" | "seq" | "rev" | "recovered" | "mine">,
  mark: number | undefined,
): Batch {
  const limits = rules.limitsOf(start.room);
  const read = mark === undefined ? undefined : Math.min(mark, start.seq);
  const event = {
    ...start,
    memberCount: presence.count,
    right: subscriber.rightIn(start.room),
    ...(limits !== undefined && { limits }),
    ...(read !== undefined && { read }),
    unread: read === undefined ? 0 : start.seq - read,
  };
  return Batch.of(joinedText(event, presence.list(MAX_LISTED)));
}
