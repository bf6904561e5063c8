/**
 * `Sender` decides what is sent and when: joins, the new name, and the unacknowledged messages, in
 * frames within the server's limits.
 *
 * One frame of messages is in flight at a time, and the next follows when all of it is answered.
 * Messages that are sent in the meantime go together in that one. So a message that is refused and
 * sent again can never be overtaken by a later one.
 *
 * @module
 */
import type { AnnouncedLimits, Command, CustomCommand } from "../../server/protocol/messages.ts";
import { Allowance } from "./allowance.ts";
import { now } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { AnyEvents, EventsOf } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { Membership } from "./membership.ts";
import { newRef, type Outbox } from "./outbox.ts";

const encoder = new TextEncoder();

/** Dispatches an event to the application. */
export type Dispatch = <K extends keyof EventsOf<AnyEvents>>(
  type: K,
  detail: EventsOf<AnyEvents>[K],
) => void;

/** The parts of a client. */
export interface ClientParts {
  readonly connection: Connection;
  readonly identity: Identity;
  readonly outbox: Outbox;
  readonly rooms: Map<string, Membership>;
  readonly dispatch: Dispatch;
}

/** The sending half of a client. */
export class Sender {
  /** The limits in the last `welcome`. */
  limits: AnnouncedLimits | undefined;
  readonly #parts: ClientParts;
  #allowance: Allowance | undefined;
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** A connection is open: sends what waits. */
  connected(limits: AnnouncedLimits): void {
    this.limits = limits;
    this.#allowance = new Allowance(limits);
    this.#pausedUntil = 0;
    this.flush();
  }

  /** The connection is lost: nothing that was sent will be answered. */
  disconnected(): void {
    clearTimeout(this.#timer);
    this.#parts.outbox.disconnected();
    for (const membership of this.#parts.rooms.values()) membership.disconnected();
  }

  /** Sends nothing until that time. */
  pause(until: number): void {
    this.#pausedUntil = until;
  }

  /** Sends what is due in one frame, and sets a timer for the rest. */
  flush(): void {
    clearTimeout(this.#timer);
    const { connection, dispatch, outbox, rooms } = this.#parts;
    if (connection.state.status !== "open") return;
    const time = now();
    const frame: Command[] = [];
    let bytes = 2;
    let nextFlush = this.#pausedUntil > time ? this.#pausedUntil : Infinity;
    const flushAt = (at: number) => nextFlush = Math.min(nextFlush, at);

    for (const command of nextFlush < Infinity ? [] : this.#due(time, flushAt)) {
      const size = sizeOf(command);
      if (size > this.#maxBytes) {
        const error = notSent(command, "too_large");
        if (!outbox.fail(error, (unsent) => unsent === command)) {
          dispatch("lost", { command, error });
        }
        continue;
      }
      const wait = bytes + size > this.#maxBytes ? 1 : this.#allowance?.spend(time) ?? 0;
      if (wait) {
        flushAt(time + wait);
        break;
      }
      bytes += size;
      frame.push(command);
    }
    if (frame.length) connection.send(frame);
    const isJoining = [...rooms.values()].some(({ ref, joined }) => ref && !joined);
    connection.setAwaiting(outbox.inFlight || isJoining);
    if (nextFlush < Infinity) this.#timer = setTimeout(() => this.flush(), nextFlush - time);
  }

  /**
   * Sends an event now or never.
   *
   * @returns whether it was sent. If not, `lost` tells why.
   */
  sendNow(command: CustomCommand): boolean {
    const { connection, dispatch, rooms } = this.#parts;
    const time = now();
    const code = connection.state.status !== "open"
      ? "offline"
      : !rooms.get(command.room)?.joined
      ? "not_in_room"
      : sizeOf(command) > this.#maxBytes
      ? "too_large"
      : this.#pausedUntil > time || this.#allowance?.spend(time)
      ? "rate_limited"
      : undefined;
    if (code) dispatch("lost", { command, error: notSent(command, code) });
    else connection.send([command]);
    return !code;
  }

  /** Leaves a room that was entered. */
  leave(room: string): void {
    this.#allowance?.spend(now());
    this.#parts.connection.send([{ type: "leave", room }]);
  }

  /** Gives up a room. What waits to be sent there fails with this error. */
  giveUp(room: string, error: ClientError): void {
    const { dispatch, outbox, rooms } = this.#parts;
    const membership = rooms.get(room);
    if (!membership) return;
    rooms.delete(room);
    membership.disconnected();
    membership.entered.reject(error);
    outbox.fail(error, (command) => command.room === room);
    for (const command of membership.newest.values()) dispatch("lost", { command, error });
  }

  get #maxBytes(): number {
    return this.limits?.frameBytes || Infinity;
  }

  /** Yields the commands that are due. When the next one is asked for, the last one will be sent. */
  *#due(time: number, flushAt: (at: number) => void): Generator<Command> {
    const { identity, outbox, rooms } = this.#parts;
    for (const [room, membership] of rooms) {
      if (membership.ref) continue;
      if (membership.waitUntil > time) {
        flushAt(membership.waitUntil);
        continue;
      }
      const { since } = membership;
      const ref = newRef();
      yield { type: "join", room, ref, ...(since && { since }) };
      membership.ref = ref;
    }
    if (identity.rename && !identity.rename.ref) {
      const rename = { name: identity.rename.name, ref: newRef() };
      yield { type: "rename", ...rename };
      identity.rename = rename;
    }
    // A message that is too large is removed while this loop runs, so it goes over a copy.
    for (const outgoing of outbox.inFlight ? [] : [...outbox.waiting]) {
      const membership = rooms.get(outgoing.command.room);
      if (!membership?.joined) continue;
      // The messages that were missed may include this very one, sent before the connection was lost.
      if (!membership.caughtUp && membership.waitUntil > time) {
        flushAt(membership.waitUntil);
        continue;
      }
      yield outgoing.command;
      outgoing.inFlight = true;
    }
    for (const { joined, newest } of rooms.values()) {
      for (const [name, command] of joined ? newest : []) {
        yield command;
        newest.delete(name);
      }
    }
  }
}

/** Returns how many bytes a command needs in a frame: one less of them is the frame's own. */
function sizeOf(command: Command): number {
  return encoder.encode(JSON.stringify(command)).length + 1;
}

/** Returns the error of a command that cannot be sent. */
function notSent({ type }: Command, code: ClientError["code"]): ClientError {
  return new ClientError(code, `Cannot send this "${type}": ${code}.`);
}
