/**
 * `Receiver` decides what an event means: which promise it settles, which cursor it moves, and whether
 * the application gets it.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";
import { ClientError, RETRIABLE_ERRORS } from "./errors.ts";
import type { ClientEvents } from "./events.ts";
import type { ClientParts, Sender } from "./sender.ts";

/** Dispatches an event to the application. */
export type Dispatch = <K extends keyof ClientEvents>(type: K, detail: ClientEvents[K]) => void;

/** The receiving half of a client. */
export class Receiver {
  readonly #parts: ClientParts;
  readonly #sender: Sender;
  readonly #dispatch: Dispatch;

  constructor(parts: ClientParts, sender: Sender, dispatch: Dispatch) {
    this.#parts = parts;
    this.#sender = sender;
    this.#dispatch = dispatch;
  }

  receive(event: wire.Event): void {
    if (isMessage(event)) return this.#message(event);
    switch (event.type) {
      case "error":
        return this.#refused(event);
      case "joined":
        return this.#joined(event);
      case "typing":
        return this.#parts.rooms.get(event.room)?.typing(event);
      case "custom":
        if (this.#parts.rooms.get(event.room)?.joined) this.#deliver(event);
        return;
      case "system":
        return this.#system(event);
      case "bye":
        return this.#dispatch("bye", event);
      case "right":
      case "ping": // it only shows that the server is alive
      case "welcome": // the connection has it
        return;
      default:
        event satisfies never; // a newer server's event, which this client does not know
    }
  }

  #system(event: wire.SystemEvent): void {
    const { kind, user } = event;
    const { identity } = this.#parts;
    if (kind === "renamed" && user && user.id === identity.user?.id) identity.setUser(user);
    this.#dispatch("system", event);
  }

  #joined(event: wire.JoinedEvent): void {
    const membership = this.#parts.rooms.get(event.room);
    if (!membership) return;
    this.#parts.connection.setAwaiting(false);
    membership.join(event);
    this.#dispatch("joined", event);
    this.#sender.flush();
  }

  /** Takes an event of the log. It moves the cursor, also if its type is not known here. */
  #message(event: wire.Message): void {
    const { room, seq, from, ref } = event;
    const { connection, identity, outbox, rooms } = this.#parts;
    const membership = rooms.get(room);
    const own = from?.id === identity.user?.id ? outbox.find(ref, room) : undefined;
    if (own) {
      outbox.remove(own);
      connection.setAwaiting(false); // the time to answer what else is in flight starts again
    }
    if (membership?.joined && membership.moveTo(seq, own !== undefined)) this.#deliver(event);
    own?.resolve(event);
    if (own || membership?.caughtUp) this.#sender.flush();
  }

  #deliver(event: wire.Message | wire.CustomEvent): void {
    if (event.from) this.#parts.rooms.get(event.room)?.stopTyping(event.from);
    if (event.type === "chat") this.#dispatch("chat", event);
    else if (event.type === "custom") this.#dispatch("custom", event);
    else event satisfies never; // a newer server's message, which this client does not know
  }

  #refused(event: wire.ErrorEvent): void {
    const { ref, code } = event;
    const { connection, identity, outbox, rooms } = this.#parts;
    connection.setAwaiting(false);
    const { rename } = identity;
    const canRetry = RETRIABLE_ERRORS.includes(code);
    const retryAt = now() + (event.retryAfterMs ?? 1000 + Math.random() * 2000);
    const error = new ClientError(code, event.payload);
    const outgoing = outbox.find(ref);
    const [room, membership] = [...rooms].find(([, asked]) => ref && asked.ref === ref) ?? [];
    if (membership === undefined && (code === "rate_limited" || code === "unavailable")) {
      this.#sender.pause(retryAt);
    }
    if (outgoing?.inFlight) {
      outgoing.inFlight = false;
      if (!canRetry) outbox.fail(error, (command) => command === outgoing.command);
    } else if (room !== undefined && membership) {
      if (canRetry) Object.assign(membership, { ref: "", waitUntil: retryAt });
      else {
        rooms.delete(room);
        membership.entered.reject(error);
      }
      this.#dispatch("error", { ...event, room });
    } else if (ref && ref === rename?.ref && canRetry) {
      rename.ref = "";
    } else {
      if (ref === rename?.ref) identity.rename = undefined;
      this.#dispatch("error", event);
    }
    this.#sender.flush();
  }
}

/** Whether an event is in a room's log: only those have both `seq` and `at`. */
function isMessage(event: wire.Event | wire.Message): event is wire.Message {
  return "seq" in event && "at" in event;
}
