/**
 * `receiver` decides what an event means: which promise it settles, which cursor it moves, and whether
 * the application gets it.
 *
 * @module
 */
import type * as wire from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";
import { ClientError, RETRIABLE_ERRORS } from "./errors.ts";
import type { ClientParts, Sender } from "./sender.ts";

/** Makes the receiving half of a client: a function that takes each event of the server. */
export function receiver(
  [connection, dispatch, identity, outbox, rooms]: ClientParts,
  sender: Sender,
): (event: wire.Event, isAnswer?: boolean) => void {
  /**
   * Takes an event of the log, or an application's event that is not stored. All of the log move the
   * cursor, also those whose type is not known here.
   */
  function message(event: wire.Message | wire.CustomEvent, isAnswer?: boolean): void {
    const { room, seq, from, ref } = event;
    const membership = rooms.get(room);
    const own = from?.id === identity.user?.id ? outbox.find(ref, room) : undefined;
    if (own) {
      outbox.remove(own);
      connection.setAwaiting(false); // the time to answer what else is in flight starts again
      // The server moves the mark too. It does not where the application speaks for the user.
      if (seq) membership?.hasRead(seq);
    }
    // The answer to a request comes again in its order, as it is then. If the cursor moved to it now, the client
    // would pass over that, and over what became of it meanwhile.
    if (membership?.joined && (seq === undefined || !isAnswer && membership.moveTo(seq, own))) {
      if (from) membership.stopTyping(from);
      if (event.type === "chat") dispatch("chat", event);
      else if (event.type === "custom") {
        dispatch("custom", event);
        dispatch(`custom:${event.name}`, event);
      } else event satisfies never; // a newer server's message, which this client does not know
    }
    own?.resolve(event as wire.Message); // without `seq` it is retained: then `emit` promises that
    if (own || membership?.waitUntil === 0) sender.flush();
  }

  /** Takes what became of a message: with a `ref` it answers this client, which is told of it before. */
  function revised(event: wire.RevisedEvent): void {
    const { room, rev, ref } = event;
    const membership = rooms.get(room);
    if (!ref && membership?.joined && membership.reviseTo(rev)) dispatch("revised", event);
    const own = ref && outbox.find(ref, room);
    if (!own) return;
    outbox.remove(own);
    connection.setAwaiting(false);
    own.resolve(event);
    sender.flush();
  }

  function refused(event: wire.ErrorEvent): void {
    const { ref, code, field, payload, retryAfterMs } = event;
    connection.setAwaiting(false);
    const { rename } = identity;
    // When its token has ended, the client brings another one, or is closed. To a guest it says that
    // guests may not do this, which no retry changes.
    const tokenEnded = code === "unauthorized" && !!(identity.givenToken || retryAfterMs);
    const canRetry = tokenEnded || RETRIABLE_ERRORS.includes(code);
    const retryAt = now() + (retryAfterMs ?? 1000 + Math.random() * 2000);
    const error = new ClientError(code, payload, field);
    const outgoing = outbox.find(ref);
    const [room, membership] = [...rooms].find(([, asked]) => ref && asked.ref === ref) ?? [];
    // A join was refused for now, or a rule of the room has refused a message: other rooms need not wait.
    const waiting = membership ??
      (field === "room" && outgoing && rooms.get(outgoing.command.room));
    if (canRetry && waiting) waiting.waitUntil = retryAt;
    else if (canRetry && !/room/.test(code)) sender.pause(retryAt); // that refuses a join: it was withdrawn
    if (outgoing) {
      outgoing.inFlight = false;
      if (!canRetry) {
        outbox.remove(outgoing);
        outgoing.reject(error);
      }
    } else if (room && membership) {
      if (canRetry) membership.ref = "";
      else sender.giveUp(room, error);
      dispatch("error", { ...event, room });
    } else if (ref && ref === rename?.ref && canRetry) {
      rename.ref = "";
    } else {
      if (ref === rename?.ref) identity.rename = undefined;
      dispatch("error", event);
    }
    sender.flush();
  }

  return (event, isAnswer) => {
    if (isMessage(event) || event.type === "custom") return message(event, isAnswer);
    if (event.type === "error") return refused(event);
    const membership = "room" in event ? rooms.get(event.room) : undefined;
    switch (event.type) {
      case "joined":
        // If it is to join again, another one follows, from where it is now.
        if (!membership?.ref) return;
        connection.setAwaiting(false);
        membership.join(event);
        dispatch("joined", event);
        return sender.flush();
      case "right":
        if (!membership) return;
        membership.right = event.right;
        if (event.right === "none") {
          const { room, payload = `The room "${room}" was left.` } = event;
          sender.giveUp(room, new ClientError("forbidden", payload));
        }
        return dispatch("right", event);
      case "revised":
        return revised(event);
      case "read":
        membership?.hasRead(event.seq);
        return dispatch("read", event);
      case "typing":
        return membership?.typing(event);
      case "system": {
        const { kind, user } = event;
        if (kind === "renamed" && user && user.id === identity.user?.id) identity.setUser(user);
        return dispatch("system", event);
      }
      case "bye":
        return dispatch("bye", event);
      default:
        // A `ping` only shows that the server is alive. The connection has the `welcome`. Any other is a
        // newer server's event, which this client does not know.
        event satisfies wire.PingEvent | wire.WelcomeEvent;
    }
  };
}

/** Whether an event is in a room's log: only those have both `seq` and `at`. */
function isMessage(event: wire.Event | wire.Message): event is wire.Message {
  return "seq" in event && "at" in event;
}
