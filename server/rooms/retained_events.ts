/**
 * `RetainedEvents` has the events that a room retains: the newest of each name, for whoever joins. The
 * broker keeps them; this is the copy of a room that has members on this node.
 *
 * @module
 */
import { Batch } from "../broker/page.ts";
import type { RetainedChange } from "../broker/retained.ts";
import { encode, retainedText } from "../protocol/encode.ts";
import type { CustomEvent } from "../protocol/messages.ts";
import type { ClientConnection } from "./subscriber.ts";

export class RetainedEvents {
  #byName = new Map<string, string>();
  /** All events as they are given to a client that joins, once they were asked for. */
  #batch: Batch | undefined;

  /** Sends all events to a client that has joined. */
  giveTo(connection: ClientConnection): void {
    if (this.#byName.size === 0) return;
    this.#batch ??= Batch.fromEvents([...this.#byName.values()].map(retainedText));
    connection.send(this.#batch);
  }

  /** Applies a change. @returns the events that the members have to be sent. */
  apply(change: RetainedChange): readonly string[] {
    this.#batch = undefined;
    if (change.kind === "all") return this.#replace(change.events);
    const { name, event, isRemoval } = change;
    this.#byName.delete(name); // the newest comes last
    if (!isRemoval) this.#byName.set(name, event);
    return [event];
  }

  /** Takes over all events, after changes were missed. */
  #replace(events: ReadonlyMap<string, string>): readonly string[] {
    const before = this.#byName;
    this.#byName = new Map(events);
    const removed = [...before].filter(([name]) => !events.has(name));
    const changed = [...events].filter(([name, event]) => before.get(name) !== event);
    return [
      ...removed.map(([, event]) => removalOf(event)),
      ...changed.map(([, event]) => retainedText(event)),
    ];
  }
}

/** Writes the event that tells members that an event is gone. Who removed it is not known here. */
function removalOf(event: string): string {
  const { ref: _, ...rest }: CustomEvent = JSON.parse(event);
  return encode({ ...rest, payload: null, retained: true });
}
