/**
 * `Outbox` keeps the messages that are not acknowledged yet, in the order of the calls. They are saved
 * to storage too, so that they survive a reload.
 *
 * @module
 */
import type { ChatCommand, CustomCommand, Message } from "../../server/protocol/messages.ts";
import { ClientError } from "./errors.ts";
import type { Stored } from "./storage.ts";

/** A command that is kept until it is acknowledged. */
export type Unsent = (ChatCommand | CustomCommand) & {
  /** Names the message; the server stores one `ref` of a user in a room once. */
  readonly ref: string;
};

/** What is saved of the unsent messages. */
export interface SavedMessages {
  readonly unsent: readonly Unsent[];
}

/** An unsent command, and the promise that settles with it. */
export interface Outgoing extends PromiseWithResolvers<Message> {
  readonly command: Unsent;
  /** True while it is sent on this connection and not answered yet. */
  inFlight: boolean;
}

/** Makes a new `ref`: 96 random bits. `crypto.randomUUID` is missing on pages without TLS. */
export function newRef(): string {
  return crypto.getRandomValues(new Uint32Array(3)).reduce((ref, n) => ref + n.toString(36), "");
}

/** The unacknowledged messages of one client. */
export class Outbox {
  /** The messages, oldest first. */
  waiting: Outgoing[];
  readonly #stored: Stored<SavedMessages>;
  readonly #maxUnsent: number;
  #willSave = false;

  /**
   * @param maxUnsent how many messages it holds; {@linkcode add} refuses more.
   * @param lost is told when a message from before the reload fails: nobody holds its promise.
   */
  constructor(
    stored: Stored<SavedMessages>,
    maxUnsent: number,
    lost: (command: Unsent, error: ClientError) => void,
  ) {
    this.#stored = stored;
    this.#maxUnsent = maxUnsent;
    this.waiting = (stored.load().unsent ?? []).map(outgoing);
    for (const { promise, command } of this.waiting) {
      promise.catch((error) => lost(command, error));
    }
  }

  get commands(): readonly Unsent[] {
    return this.waiting.map(({ command }) => command);
  }

  get inFlight(): boolean {
    return this.waiting.some(({ inFlight }) => inFlight);
  }

  find(ref: string | undefined, room?: string): Outgoing | undefined {
    return this.waiting.find(({ command }) =>
      command.ref === ref && (room === undefined || command.room === room)
    );
  }

  /** Keeps a command. A second one with the same room and ref is the same message. */
  add(command: Unsent): Promise<Message> {
    const known = this.find(command.ref, command.room);
    if (known) return known.promise;
    if (this.waiting.length >= this.#maxUnsent) {
      return Promise.reject(new ClientError("full", "Too many messages are waiting to be sent."));
    }
    const added = outgoing(command);
    this.waiting.push(added);
    this.#save();
    return added.promise;
  }

  /** Removes a message that was acknowledged. */
  remove(answered: Outgoing): void {
    this.waiting.splice(this.waiting.indexOf(answered), 1);
    this.#save();
  }

  /**
   * Rejects and removes the messages for which `matches` is true.
   *
   * @returns whether there were any.
   */
  fail(error: ClientError, matches: (command: Unsent) => boolean): boolean {
    const failing = this.waiting.filter(({ command }) => matches(command));
    for (const failed of failing) {
      this.remove(failed);
      failed.reject(error);
    }
    return failing.length > 0;
  }

  /** The connection is lost, so no message is in flight any more. */
  disconnected(): void {
    for (const waiting of this.waiting) waiting.inFlight = false;
  }

  /**
   * Rejects all messages.
   *
   * @param forget also in storage; otherwise the next client sends them.
   */
  abandon(error: ClientError, forget: boolean): void {
    for (const { reject } of this.waiting) reject(error);
    this.waiting = [];
    if (forget) this.#stored.save({});
  }

  /** Saves at the end of the turn: once, however many messages change in it. */
  #save(): void {
    if (this.#willSave) return;
    this.#willSave = true;
    const waiting = this.waiting;
    queueMicrotask(() => {
      if (waiting !== this.waiting) return; // abandoned in the same turn
      this.#willSave = false;
      this.#stored.save({ unsent: this.commands });
    });
  }
}

function outgoing(command: Unsent): Outgoing {
  return { ...Promise.withResolvers<Message>(), command, inFlight: false };
}
