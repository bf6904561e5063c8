/**
 * `Receiver` decides what an event means: which promise it settles, which cursor it moves, and whether
 * the application gets it.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";
import { ClientError, RETRIABLE_ERRORS } from "./errors.ts";
import type { ClientParts, Sender } from "./sender.ts";

/** The receiving half of a client. */
export class Receiver {
  readonly #parts: ClientParts;
  readonly #sender: Sender;

  constructor(parts: ClientParts, sender: Sender) {
    this.#parts = parts;
    this.#sender = sender;
  }

  receive(event: wire.Event): void {
    if (isMessage(event) || event.type === "custom") return this.#message(event);
    switch (event.type) {
      case "error":
        return this.#refused(event);
      case "joined":
        return this.#joined(event);
      case "typing":
        return this.#parts.rooms.get(event.room)?.typing(event);
      case "system":
        return this.#system(event);
      case "right":
        return this.#right(event);
      case "bye":
        return this.#parts.dispatch("bye", event);
      case "ping": // it only shows that the server is alive
      case "welcome": // the connection has it
        return;
      default:
        event satisfies never; // a newer server's event, which this client does not know
    }
  }

  #system(event: wire.SystemEvent): void {
    const { kind, user } = event;
    const { dispatch, identity } = this.#parts;
    if (kind === "renamed" && user && user.id === identity.user?.id) identity.setUser(user);
    dispatch("system", event);
  }

  #joined(event: wire.JoinedEvent): void {
    const { connection, dispatch, rooms } = this.#parts;
    const membership = rooms.get(event.room);
    if (!membership) return;
    connection.setAwaiting(false);
    membership.join(event);
    dispatch("joined", event);
    this.#sender.flush();
  }

  #right(event: wire.RightEvent): void {
    const { room, right, payload } = event;
    const { dispatch, rooms } = this.#parts;
    const membership = rooms.get(room);
    if (!membership) return;
    membership.right = right;
    if (right === "none") {
      const reason = payload ?? `You may no longer be in the room "${room}".`;
      this.#sender.giveUp(room, new ClientError("forbidden", reason));
    }
    dispatch("right", event);
  }

  /**
   * Takes an event of the log, or an application's event that is not stored. All of the log move the
   * cursor, also those whose type is not known here.
   */
  #message(event: wire.Message | wire.CustomEvent): void {
    const { room, seq, from, ref } = event;
    const { connection, identity, outbox, rooms } = this.#parts;
    const membership = rooms.get(room);
    const own = from?.id === identity.user?.id ? outbox.find(ref, room) : undefined;
    if (own) {
      outbox.remove(own);
      connection.setAwaiting(false); // the time to answer what else is in flight starts again
    }
    if (membership?.joined && (seq === undefined || membership.moveTo(seq, own !== undefined))) {
      this.#deliver(event);
    }
    own?.resolve(event as wire.Message); // without `seq` it is retained: then `emit` promises that
    if (own || membership?.caughtUp) this.#sender.flush();
  }

  #deliver(event: wire.Message | wire.CustomEvent): void {
    const { dispatch, rooms } = this.#parts;
    if (event.from) rooms.get(event.room)?.stopTyping(event.from);
    if (event.type === "chat") dispatch("chat", event);
    else if (event.type === "custom") {
      dispatch("custom", event);
      dispatch(`custom:${event.name}`, event);
    } else event satisfies never; // a newer server's message, which this client does not know
  }

  #refused(event: wire.ErrorEvent): void {
    const { ref, code, payload, retryAfterMs } = event;
    const { connection, dispatch, identity, outbox, rooms } = this.#parts;
    connection.setAwaiting(false);
    const { rename } = identity;
    const canRetry = retryAfterMs !== undefined || RETRIABLE_ERRORS.includes(code);
    const retryAt = now() + (retryAfterMs ?? 1000 + Math.random() * 2000);
    const error = new ClientError(code, payload);
    const outgoing = outbox.find(ref);
    const [room, membership] = [...rooms].find(([, asked]) => ref && asked.ref === ref) ?? [];
    if (
      membership === undefined && ["rate_limited", "unavailable", "unauthorized"].includes(code)
    ) {
      this.#sender.pause(retryAt);
    }
    if (outgoing?.inFlight) {
      outgoing.inFlight = false;
      if (!canRetry) outbox.fail(error, (command) => command === outgoing.command);
    } else if (room !== undefined && membership) {
      if (canRetry) Object.assign(membership, { ref: "", waitUntil: retryAt });
      else this.#sender.giveUp(room, error);
      dispatch("error", { ...event, room });
    } else if (ref && ref === rename?.ref && canRetry) {
      rename.ref = "";
    } else {
      if (ref === rename?.ref) identity.rename = undefined;
      dispatch("error", event);
    }
    this.#sender.flush();
  }
}

/** Whether an event is in a room's log: only those have both `seq` and `at`. */
function isMessage(event: wire.Event | wire.Message): event is wire.Message {
  return "seq" in event && "at" in event;
}
