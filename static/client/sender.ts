/**
 * `Sender` decides what is sent and when: joins, the new name, the unacknowledged messages, and the
 * newest of the events of which only that one matters, in frames within the server's limits.
 *
 * One frame of messages is in flight at a time, and the next follows when all of it is answered.
 * Messages that are sent in the meantime go together in that one. So a message that is refused and
 * sent again can never be overtaken by a later one.
 *
 * @module
 */
import type { AnnouncedLimits, Command, CustomCommand } from "../../server/protocol/messages.ts";
import { allowance, type Spend } from "./allowance.ts";
import { now, timerMs } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { Dispatch } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { Membership } from "./membership.ts";
import { newRef, type Outbox } from "./outbox.ts";

/** The parts of a client. It is a tuple because bundlers shorten no names of properties. */
export type ClientParts = readonly [
  connection: Connection,
  dispatch: Dispatch,
  identity: Identity,
  outbox: Outbox,
  rooms: Map<string, Membership>,
];

/** The sending half of a client. */
export interface Sender {
  /** The limits in the last `welcome`. */
  readonly limits: AnnouncedLimits | undefined;
  /** A connection is open: sends what waits. */
  connected(limits: AnnouncedLimits): void;
  /** The connection is lost: nothing that was sent will be answered. */
  disconnected(): void;
  /** Sends nothing until that time. */
  pause(until: number): void;
  /** Sends what is due in one frame, and sets a timer for the rest. */
  flush(): void;
  /** Does so at the end of the turn, so that what comes in one turn goes in one frame. */
  flushSoon(): void;
  /**
   * Sends an event now or never.
   *
   * @returns whether it was sent. If not, `lost` tells why.
   */
  sendNow(command: CustomCommand): boolean;
  /**
   * Gives up a room. What waits to be sent there fails with this error. If its code is `left`, the user
   * wants to leave, and the server is told.
   */
  giveUp(room: string, error: ClientError): void;
}

/** Makes the sending half of a client. */
export function createSender(
  [connection, dispatch, identity, outbox, rooms]: ClientParts,
): Sender {
  let limits: AnnouncedLimits | undefined;
  let spend: Spend = () => 0;
  let pausedUntil = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether commands of that size are too large for a frame, whose brackets are two bytes more. */
  const isTooLarge = (size: number) => size + 2 > (limits?.frameBytes || Infinity);

  function lose(command: Command, code: ClientError["code"]): void {
    const error = new ClientError(code, `Cannot send the ${command.type}: ${code}`);
    if (!outbox.fail(error, (unsent) => unsent === command)) dispatch("lost", { command, error });
  }

  /** Returns the allowance that the server takes a command from. A signal is what is sent without a `ref`. */
  function spendFor(command: Command): Spend {
    const isSignal = !command.ref && "room" in command && !("retain" in command);
    return isSignal && rooms.get(command.room)?.signals || spend;
  }

  function flush(): void {
    clearTimeout(timer);
    if (connection.state.status !== "open") return;
    const time = now();
    const frame: Command[] = [];
    let bytes = 0;
    let nextFlush = pausedUntil > time ? pausedUntil : Infinity;
    const flushAt = (at: number) => nextFlush = Math.min(nextFlush, at);

    for (const command of nextFlush < Infinity ? [] : due(time, flushAt)) {
      const size = sizeOf(command);
      if (isTooLarge(size)) {
        lose(command, "too_large");
        continue;
      }
      const wait = isTooLarge(bytes + size) ? 1 : spendFor(command)(time);
      if (wait) {
        flushAt(time + wait);
        break;
      }
      bytes += size;
      frame.push(command);
    }
    if (frame.length) connection.send(frame);
    connection.setAwaiting(
      outbox.inFlight || [...rooms.values()].some(({ ref, joined }) => ref && !joined),
    );
    if (nextFlush < Infinity) timer = setTimeout(flush, timerMs(nextFlush - time));
  }

  /** Yields the commands that are due. When the next one is asked for, the last one will be sent. */
  function* due(time: number, flushAt: (at: number) => void): Generator<Command> {
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
    const { rename } = identity;
    if (rename && !rename.ref) {
      const ref = newRef();
      yield { type: "rename", ...rename, ref };
      rename.ref = ref;
    }
    // A message that is too large is removed while this loop runs, so it goes over a copy.
    for (const outgoing of outbox.inFlight ? [] : [...outbox.waiting]) {
      const membership = rooms.get(outgoing.command.room);
      if (!membership?.joined) continue;
      // The messages that were missed may include this very one, sent before the connection was lost.
      if (membership.waitUntil > time) {
        flushAt(membership.waitUntil);
        continue;
      }
      // A refusal has only the `ref`, and the application may use one in several rooms.
      if (outbox.find(outgoing.command.ref)) break;
      yield outgoing.command;
      outgoing.inFlight = true;
    }
    for (const membership of rooms.values()) yield* membership.due(time, flushAt);
  }

  return {
    get limits() {
      return limits;
    },
    connected(announced) {
      limits = announced;
      spend = allowance(limits);
      pausedUntil = 0;
      flush();
    },
    disconnected() {
      clearTimeout(timer);
      outbox.disconnected();
      for (const membership of rooms.values()) membership.disconnected();
    },
    pause(until) {
      pausedUntil = until;
    },
    flush,
    flushSoon: () => queueMicrotask(flush),
    sendNow(command) {
      const time = now();
      const code = !rooms.get(command.room)?.joined
        ? "not_in_room"
        : isTooLarge(sizeOf(command))
        ? "too_large"
        : pausedUntil > time || spendFor(command)(time)
        ? "rate_limited"
        : undefined;
      if (code) lose(command, code);
      else connection.send([command]);
      return !code;
    },
    giveUp(room, error) {
      const membership = rooms.get(room);
      if (!membership) return;
      if (error.code === "left" && membership.ref) {
        spend(now());
        connection.send([{ type: "leave", room }]);
      }
      rooms.delete(room);
      membership.disconnected();
      membership.entered.reject(error);
      outbox.fail(error, (command) => command.room === room);
      for (const command of membership.newest.values()) dispatch("lost", { command, error });
      queueMicrotask(flush); // what is answered there is no more awaited
    },
  };
}

/** Returns how many bytes a command and the comma after it need in a frame. */
function sizeOf(command: Command): number {
  return new TextEncoder().encode(JSON.stringify(command)).length + 1;
}
