/**
 * What a webhook's receiver is sent, as types.
 *
 * @module
 */
import type { EventBase, Message, RevisedEvent } from "./messages.ts";

/** `WebhookBody` is the body of each request to a webhook's receiver. */
export interface WebhookBody extends EventBase<"messages"> {
  /** When the newest of the messages was stored (RFC 3339). */
  readonly timestamp: string;
  /**
   * Messages of all rooms in the order in which they were stored, each as it is now, and gaps between
   * them. `revised` comes in the place of a message's newest revision; a receiver keeps, of one message,
   * the one with the higher `rev`.
   */
  readonly data: readonly (Message | RevisedEvent | GapRecord)[];
}

/**
 * `GapRecord` says that messages are missing at this place: they were pruned or deleted before the
 * receiver took them. Where a room still has messages, its `seq` shows how many it lost.
 */
export interface GapRecord extends EventBase<"gap"> {
  /** When the last message before the gap was stored, in milliseconds since 1970; 0 if there was none. */
  readonly after: number;
  /** When the first message after the gap was stored. */
  readonly before: number;
}
