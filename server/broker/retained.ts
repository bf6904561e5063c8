/**
 * Retained events: of each name, a room keeps the newest event, and gives it to whoever joins. They have
 * no `seq`. Their number and size are bounded, in a room and in all.
 *
 * @module
 */
import { BrokerError } from "./broker_error.ts";

/** The newest event of a name. */
export interface RetainedEvent {
  /** The name of the `custom` event. A room keeps one event of each name. */
  readonly name: string;
  /** The event's text, as members get it. */
  readonly event: string;
  /** Whether the event says that what was kept under the name is gone. */
  readonly isRemoval: boolean;
}

/** A change of what a room keeps. Every node gets the same changes in the same order. */
export type RetainedChange =
  /** An event that is for all members, and for whoever joins. */
  | { readonly kind: "one" } & RetainedEvent
  /** All that the room keeps, as text by name: it was opened, or changes were missed. */
  | { readonly kind: "all"; readonly events: ReadonlyMap<string, string> };

/** How many events a room keeps. */
export const MAX_RETAINED = 100;
/** How many bytes a room keeps, names included. */
export const MAX_RETAINED_BYTES = 65_536;

/** A room can keep no more events, or no larger ones. Clients are shown the message. */
export class RetainedBoundError extends BrokerError {
  readonly what: "events" | "bytes";

  /** @param what it has too many of. */
  constructor(what: "events" | "bytes") {
    const bound = what === "events" ? `${MAX_RETAINED} events` : `${MAX_RETAINED_BYTES} bytes`;
    super(
      `Cannot retain this: a room keeps at most ${bound}. Remove others with a payload of null.`,
    );
    this.what = what;
  }
}

/** @throws {RetainedBoundError} if a room cannot keep all of these events. */
export function assertCanRetain(events: readonly RetainedEvent[]): void {
  if (events.length > MAX_RETAINED) throw new RetainedBoundError("events");
  const bytes = events.reduce((sum, event) => sum + retainedBytes(event), 0);
  if (bytes > MAX_RETAINED_BYTES) throw new RetainedBoundError("bytes");
}

const ENCODER = new TextEncoder();

/** Counts the bytes that an event takes of {@linkcode MAX_RETAINED_BYTES}. */
export function retainedBytes({ name, event }: RetainedEvent): number {
  return ENCODER.encode(name).length + ENCODER.encode(event).length;
}
