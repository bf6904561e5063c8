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
import type { AnnouncedLimits, Command } from "../../server/protocol/messages.ts";
import { Allowance } from "./allowance.ts";
import { now } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { Identity } from "./identity.ts";
import type { Membership } from "./membership.ts";
import { newRef, type Outbox } from "./outbox.ts";

const encoder = new TextEncoder();

/** The parts of a client. */
export interface ClientParts {
  readonly connection: Connection;
  readonly identity: Identity;
  readonly outbox: Outbox;
  readonly rooms: Map<string, Membership>;
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
    const { connection, outbox, rooms } = this.#parts;
    if (connection.state.status !== "open") return;
    const time = now();
    const frame: Command[] = [];
    const maxBytes = this.limits?.frameBytes || Infinity;
    let bytes = 2;
    let nextFlush = this.#pausedUntil > time ? this.#pausedUntil : Infinity;
    const flushAt = (at: number) => nextFlush = Math.min(nextFlush, at);

    for (const command of nextFlush < Infinity ? [] : this.#due(time, flushAt)) {
      const size = encoder.encode(JSON.stringify(command)).length + 1;
      if (size + 2 > maxBytes) {
        const text = `Cannot send the message: a frame may hold ${maxBytes} bytes.`;
        outbox.fail(new ClientError("too_large", text), (unsent) => unsent === command);
        continue;
      }
      const wait = bytes + size > maxBytes ? 1 : this.#allowance?.spend(time) ?? 0;
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
   * Sends a command now or never.
   *
   * @returns 0 if it was sent; else the milliseconds until it may be, `Infinity` without a connection.
   */
  sendNow(command: Command): number {
    if (this.#parts.connection.state.status !== "open") return Infinity;
    const wait = this.#allowance?.spend(now()) ?? 0;
    if (wait && command.type !== "leave") return wait;
    this.#parts.connection.send([command]);
    return 0;
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
    if (outbox.inFlight) return;
    // A message that is too large is removed while this loop runs, so it goes over a copy.
    for (const outgoing of [...outbox.waiting]) {
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
  }
}
