/**
 * `RetainedEvents` has the events that a room retains: the newest of each name, for whoever joins. The
 * broker keeps them; this is the copy of a room that has members on this node.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Batch } from "../broker/page.ts";
import type { RetainedChange, RetainedEvent } from "../broker/retained.ts";
import { encode, retainedText } from "../protocol/encode.ts";
import type { CustomEvent } from "../protocol/messages.ts";
import type { ClientConnection } from "./subscriber.ts";

/** How many of a room's changes are remembered. */
const REMEMBERED = 200;

/** A change: the name of its event, and what its repeat would have in common with it. */
interface Change {
  readonly name: string;
  /** `undefined` without a `ref`. */
  readonly digest: string | undefined;
}

export class RetainedEvents {
  #byName = new Map<string, string>();
  /** The newest changes, in order. */
  readonly #changes: Change[] = [];
  /** All events as they are given to a client that joins, once they were asked for. */
  #batch: Batch | undefined;

  /** Sends all events to a client that has joined. */
  giveTo(connection: ClientConnection): void {
    if (this.#byName.size === 0) return;
    this.#batch ??= Batch.fromEvents([...this.#byName.values()].map(retainedText));
    connection.send(this.#batch);
  }

  /**
   * Whether this event was set before, by the same user under the same `ref`, and another has taken its place
   * since. A client repeats what it does not know to be stored, and must not put the older event back.
   */
  isReplaced({ name, event }: RetainedEvent): boolean {
    const digest = digestOf(event);
    if (digest === undefined) return false;
    const ofName = this.#changes.filter((change) => change.name === name);
    return ofName.some((change) => change.digest === digest) && ofName.at(-1)?.digest !== digest;
  }

  /** Applies a change. @returns the events that the members have to be sent. */
  apply(change: RetainedChange): readonly string[] {
    this.#batch = undefined;
    if (change.kind === "all") return this.#replace(change.events);
    const { name, event, isRemoval } = change;
    this.#byName.delete(name); // the newest comes last
    if (!isRemoval) this.#byName.set(name, event);
    this.#remember(name, event);
    return [event];
  }

  /** Takes over all events, after changes were missed. */
  #replace(events: ReadonlyMap<string, string>): readonly string[] {
    const before = this.#byName;
    this.#byName = new Map(events);
    const removed = [...before].filter(([name]) => !events.has(name));
    const changed = [...events].filter(([name, event]) => before.get(name) !== event);
    for (const [name] of removed) this.#remember(name, "");
    for (const [name, event] of changed) this.#remember(name, event);
    return [
      ...removed.map(([, event]) => removalOf(event)),
      ...changed.map(([, event]) => retainedText(event)),
    ];
  }

  #remember(name: string, event: string): void {
    if (this.#changes.push({ name, digest: digestOf(event) }) > REMEMBERED) this.#changes.shift();
  }
}

/** Returns a digest of what an event and its repeat have in common: sender, `ref` and payload. */
function digestOf(event: string): string | undefined {
  if (!event.includes('"ref":')) return undefined; // most are not parsed
  const { from, ref, payload }: CustomEvent = JSON.parse(event);
  if (ref === undefined) return undefined;
  return createHash("sha1").update(JSON.stringify([from.id, ref, payload])).digest("base64url");
}

/** Writes the event that tells members that an event is gone. Who removed it is not known here. */
function removalOf(event: string): string {
  const { ref: _, ...rest }: CustomEvent = JSON.parse(event);
  return encode({ ...rest, payload: null, retained: true });
}
