/**
 * Decides what an event means: which promise it settles, where it moves a cursor, and whether the
 * application is told.
 *
 * @module
 */
import type {
  CustomEvent as AppEvent,
  ErrorEvent,
  Event as WireEvent,
  JoinedEvent,
  Message,
  PingEvent,
  WelcomeEvent,
} from "../../server/protocol/messages.ts";
import { ClientError } from "./client_error.ts";
import { type ClientEvents, RETRIABLE_ERRORS } from "./client_types.ts";
import { now } from "./clock.ts";
import type { Sender, Sources } from "./sender.ts";

/** Tells the application. */
export type Dispatch = <K extends keyof ClientEvents>(type: K, detail: ClientEvents[K]) => void;

export class Receiver {
  readonly #from: Sources;
  readonly #sender: Sender;
  readonly #dispatch: Dispatch;

  constructor(from: Sources, sender: Sender, dispatch: Dispatch) {
    this.#from = from;
    this.#sender = sender;
    this.#dispatch = dispatch;
  }

  receive(event: WireEvent): void {
    if (isMessage(event)) return this.#said(event);
    switch (event.type) {
      case "error":
        return this.#refused(event);
      case "joined":
        return this.#joined(event);
      case "typing":
        return this.#from.rooms.get(event.room)?.typing(event);
      case "custom":
        if (this.#from.rooms.get(event.room)?.joined) this.#tell(event);
        return;
      case "system":
        if (
          event.kind === "renamed" && event.user && event.user.id === this.#from.identity.user?.id
        ) {
          this.#from.identity.is(event.user);
        }
        return this.#dispatch("system", event);
      case "bye":
        return this.#dispatch("bye", event);
    }
    // The connection has taken `welcome`; of a `ping` it is enough that it came. A type that is not known
    // here is passed over.
    event satisfies WelcomeEvent | PingEvent;
  }

  #joined(event: JoinedEvent): void {
    const membership = this.#from.rooms.get(event.room);
    if (!membership) return;
    this.#from.connection.awaits(false);
    membership.join(event);
    this.#dispatch("joined", event);
    this.#sender.flush();
  }

  /** Whatever has a place in the log moves the cursor, also if its type is not known here. */
  #said(event: Message): void {
    const { room, seq, from, ref } = event;
    const membership = this.#from.rooms.get(room);
    const own = from?.id === this.#from.identity.user?.id
      ? this.#from.outbox.find(ref, room)
      : undefined;
    if (own) {
      this.#from.outbox.remove(own);
      this.#from.connection.awaits(false); // an answer: whatever else waits, waits from now
    }
    if (membership?.joined && membership.moveTo(seq, own !== undefined)) this.#tell(event);
    own?.resolve(event);
    if (own || membership?.caughtUp) this.#sender.flush();
  }

  #tell(event: Message | AppEvent): void {
    if (event.from) this.#from.rooms.get(event.room)?.notTyping(event.from);
    if (event.type === "chat") this.#dispatch("chat", event);
    else if (event.type === "custom") this.#dispatch("custom", event);
    else event satisfies never; // a type that is not known here is passed over
  }

  #refused(event: ErrorEvent): void {
    const { ref, code } = event;
    this.#from.connection.awaits(false);
    const { rename } = this.#from.identity;
    const retry = RETRIABLE_ERRORS.includes(code);
    const retryAt = now() + (event.retryAfterMs ?? 1000 + Math.random() * 2000);
    const error = new ClientError(code, event.payload);
    const outgoing = this.#from.outbox.find(ref);
    const [room, membership] =
      [...this.#from.rooms].find(([, asked]) => ref && asked.ref === ref) ?? [];
    if (membership === undefined && (code === "rate_limited" || code === "unavailable")) {
      this.#sender.pause(retryAt);
    }
    if (outgoing?.inFlight) {
      outgoing.inFlight = false;
      if (!retry) this.#from.outbox.fail(error, (command) => command === outgoing.command);
    } else if (room !== undefined && membership) {
      if (retry) Object.assign(membership, { ref: "", notBefore: retryAt });
      else this.#from.rooms.delete(room);
      if (!retry) membership.entered.reject(error);
      this.#dispatch("error", { ...event, room });
    } else if (ref && ref === rename?.ref && retry) {
      rename.ref = "";
    } else {
      if (ref === rename?.ref) this.#from.identity.rename = undefined;
      this.#dispatch("error", event);
    }
    this.#sender.flush();
  }
}

/** Whether it is in a room's log: what is, and nothing else, has both `seq` and `at`. */
function isMessage(event: WireEvent | Message): event is Message {
  return "seq" in event && "at" in event && event.seq !== undefined && event.at !== undefined;
}
