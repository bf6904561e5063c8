/**
 * `Outbox` keeps the messages that are not acknowledged yet, in the order of the calls. They are saved
 * to storage too, so that they survive a reload.
 *
 * @module
 */
import type {
  ChatCommand,
  CustomCommand,
  DeleteCommand,
  EditCommand,
  Message,
  ReactCommand,
  RevisedEvent,
} from "../../server/protocol/messages.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { ClientError, closedError } from "./errors.ts";
import type { Dispatch } from "./events.ts";
import type { Stored } from "./storage.ts";

/** What is asked to become of a message. */
export type ReviseCommand =
  | EditCommand
  | (DeleteCommand & { readonly payload?: never })
  | ReactCommand;

/** A command that is kept until it is acknowledged. */
export type Unsent =
  & (ChatCommand | CustomCommand | ReviseCommand)
  & {
    /** Names the message; the server stores one `ref` of a user in a room once. */
    readonly ref: string;
  };

/** What acknowledges a command: the message as stored, or what became of it. */
export type Acknowledgement = Message | RevisedEvent;

/** What is saved of the unsent messages. */
export interface SavedMessages {
  readonly unsent: readonly Unsent[];
}

/** An unsent command, and the promise that settles with it. */
export interface Outgoing extends Deferred<Acknowledgement> {
  readonly command: Unsent;
  /** True while it is sent on this connection and not answered yet. */
  inFlight: boolean;
}

/** Makes a new `ref`: 64 random bits. `crypto.randomUUID` is missing on pages without TLS. */
export function newRef(): string {
  return String(crypto.getRandomValues(new BigUint64Array(1)));
}

/** The unacknowledged messages of one client. */
export interface Outbox {
  /** The messages, oldest first. */
  readonly waiting: readonly Outgoing[];
  readonly commands: readonly Unsent[];
  /** Whether a message is sent and not answered yet. */
  readonly inFlight: boolean;
  /** Finds a message. Without a room it is one in flight, of which no two have the same `ref`. */
  find(ref: string | undefined, room?: string): Outgoing | undefined;
  /** Keeps a command. A second one with the same room and ref is the same message. */
  add(command: Unsent): Promise<Acknowledgement>;
  /** Removes a message that was acknowledged. */
  remove(answered: Outgoing): void;
  /**
   * Rejects and removes the messages for which `matches` is true.
   *
   * @returns whether there were any.
   */
  fail(error: ClientError, matches: (command: Unsent) => boolean): boolean;
  /** The connection is lost, so no message is in flight any more. */
  disconnected(): void;
  /**
   * Rejects all messages.
   *
   * @param forget also in storage; otherwise the next client sends them.
   */
  abandon(error: ClientError, forget: boolean): void;
}

/**
 * Makes an outbox with the messages from before a reload.
 *
 * @param maxUnsent how many messages it holds; `add` refuses more.
 * @param dispatch tells when a message from before the reload fails: nobody holds its promise.
 */
export function createOutbox(
  stored: Stored<SavedMessages>,
  maxUnsent: number,
  dispatch: Dispatch,
): Outbox {
  const waiting = [stored.load().unsent].flat().filter(isUnsent).map(outgoing);
  for (const { promise, command } of waiting) {
    promise.catch((error) => dispatch("lost", { command, error }));
  }
  let willSave = false;
  /** The client is closed: what is saved is the next one's. */
  let isAbandoned = false;

  /** Saves at the end of the turn: once, however many messages change in it. */
  function saveSoon(): void {
    if (willSave) return;
    willSave = true;
    queueMicrotask(() => {
      willSave = false;
      if (!isAbandoned) stored.save({ unsent: self.commands });
    });
  }

  const self: Outbox = {
    waiting,
    get commands() {
      return waiting.map(({ command }) => command);
    },
    get inFlight() {
      return waiting.some(({ inFlight }) => inFlight);
    },
    find(ref, room) {
      return waiting.find(({ command, inFlight }) =>
        command.ref === ref && (room === undefined ? inFlight : command.room === room)
      );
    },
    add(command) {
      const known = self.find(command.ref, command.room);
      if (known) return known.promise;
      const added = outgoing(command);
      if (isAbandoned) added.reject(closedError());
      else if (waiting.length < maxUnsent) {
        waiting.push(added);
        saveSoon();
      } else added.reject(new ClientError("full", "Too many unsent."));
      return added.promise;
    },
    remove(answered) {
      waiting.splice(waiting.indexOf(answered), 1);
      saveSoon();
    },
    fail(error, matches) {
      const failing = waiting.filter(({ command }) => matches(command));
      for (const failed of failing) {
        self.remove(failed);
        failed.reject(error);
      }
      return failing.length > 0;
    },
    disconnected() {
      for (const outgoing of waiting) outgoing.inFlight = false;
    },
    abandon(error, forget) {
      isAbandoned = true;
      self.fail(error, () => true);
      if (forget) stored.save({});
    },
  };
  return self;
}

/** Whether something from storage can be sent and answered. The server refuses what else is wrong with it. */
function isUnsent(value: unknown): value is Unsent {
  const { ref, room } = Object(value);
  return typeof ref === "string" && typeof room === "string";
}

function outgoing(command: Unsent): Outgoing {
  return { ...deferred<Acknowledgement>(), command, inFlight: false };
}
