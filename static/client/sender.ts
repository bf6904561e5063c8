/**
 * Decides what is sent and when: joins, the new name, and the unacknowledged messages, in frames that
 * stay within the server's limits.
 *
 * Messages go out one frame at a time, the next when the last is answered. What is said meanwhile
 * gathers and goes together, as on the server, so that a message which is refused and sent again can
 * never be overtaken by a later one.
 *
 * @module
 */
import type { AnnouncedLimits, Command } from "../../server/protocol/messages.ts";
import { Allowance } from "./allowance.ts";
import { ClientError } from "./client_error.ts";
import { now } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { Identity } from "./identity.ts";
import type { Membership } from "./membership.ts";
import type { Outbox } from "./outbox.ts";
import { newRef } from "./ref.ts";

const encoder = new TextEncoder();

/** What a client consists of. */
export interface Sources {
  readonly connection: Connection;
  readonly identity: Identity;
  readonly outbox: Outbox;
  readonly rooms: Map<string, Membership>;
}

export class Sender {
  /** What the server announced in its last `welcome`. */
  limits: AnnouncedLimits | undefined;
  readonly #from: Sources;
  #allowance: Allowance | undefined;
  #pausedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(from: Sources) {
    this.#from = from;
  }

  /** Begins on a connection that was welcomed. */
  begin(limits: AnnouncedLimits): void {
    this.limits = limits;
    this.#allowance = new Allowance(limits);
    this.#pausedUntil = 0;
    this.flush();
  }

  /** Nothing that was sent will be answered. */
  detached(): void {
    clearTimeout(this.#timer);
    this.#from.outbox.lost();
    for (const membership of this.#from.rooms.values()) membership.lost();
  }

  /** Sends nothing until then. */
  pause(until: number): void {
    this.#pausedUntil = until;
  }

  /** Sends what is due, in one frame within the server's limits, and comes back for the rest. */
  flush(): void {
    clearTimeout(this.#timer);
    const { connection, outbox, rooms } = this.#from;
    if (connection.state.status !== "open") return;
    const time = now();
    const frame: Command[] = [];
    const most = this.limits?.frameBytes || Infinity;
    let bytes = 2;
    let again = this.#pausedUntil > time ? this.#pausedUntil : Infinity;
    const later = (at: number) => again = Math.min(again, at);

    for (const command of again < Infinity ? [] : this.#due(time, later)) {
      const size = encoder.encode(JSON.stringify(command)).length + 1;
      if (size + 2 > most) {
        const error = new ClientError("too_large", `A frame may be ${most} bytes.`);
        outbox.fail(error, (unsent) => unsent === command);
        continue;
      }
      const wait = bytes + size > most ? 1 : this.#allowance?.spend(time) ?? 0;
      if (wait) {
        later(time + wait);
        break;
      }
      bytes += size;
      frame.push(command);
    }
    if (frame.length) connection.send(frame);
    const isJoining = [...rooms.values()].some(({ ref, joined }) => ref && !joined);
    connection.awaits(outbox.inFlight || isJoining);
    if (again < Infinity) this.#timer = setTimeout(() => this.flush(), again - time);
  }

  /**
   * Sends at once what is worth nothing later.
   *
   * @returns 0 if it was sent; else the milliseconds until it may be, `Infinity` without a connection.
   */
  say(command: Command): number {
    if (this.#from.connection.state.status !== "open") return Infinity;
    const wait = this.#allowance?.spend(now()) ?? 0;
    if (wait && command.type !== "leave") return wait;
    this.#from.connection.send([command]);
    return 0;
  }

  /** What is to be said; asking for the next one means that the last one goes out. */
  *#due(time: number, later: (at: number) => void): Generator<Command> {
    const { identity, outbox, rooms } = this.#from;
    for (const [room, membership] of rooms) {
      if (membership.ref) continue;
      if (membership.notBefore > time) {
        later(membership.notBefore);
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
    for (const outgoing of outbox) {
      const membership = rooms.get(outgoing.command.room);
      if (!membership?.joined) continue;
      // What was missed may hold the echo of this very message.
      if (!membership.caughtUp && membership.notBefore > time) {
        later(membership.notBefore);
        continue;
      }
      yield outgoing.command;
      outgoing.inFlight = true;
    }
  }
}
