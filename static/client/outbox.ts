/**
 * The messages that are not acknowledged yet, in the order in which they were said. They are kept
 * in storage too, so that they outlive the page.
 *
 * @module
 */
import type { ChatCommand, CustomCommand, Message } from "../../server/protocol/messages.ts";
import { ClientError, quietly } from "./client_error.ts";
import { type KeyValue, load, save } from "./storage.ts";

const KEY = "parley.unsent";

/** A command that is kept until it is answered. */
export type Unsent = (ChatCommand | CustomCommand) & { readonly ref: string };

/** One of them, and the promise that waits for it. */
export interface Outgoing extends PromiseWithResolvers<Message> {
  readonly command: Unsent;
  /** It was sent on this connection, and not answered yet. */
  inFlight: boolean;
}

export class Outbox implements Iterable<Outgoing> {
  readonly #storage: KeyValue;
  readonly #most: number;
  #waiting: Outgoing[];
  #willSave = false;

  /** @param most how many it holds; {@linkcode add} refuses more. */
  constructor(storage: KeyValue, most: number) {
    this.#storage = storage;
    this.#most = most;
    const { unsent } = load<{ unsent: readonly Unsent[] }>(storage, KEY);
    this.#waiting = (unsent ?? []).map((command) => outgoing(command, quietly));
  }

  [Symbol.iterator](): Iterator<Outgoing> {
    return this.#waiting.values();
  }

  get commands(): readonly Unsent[] {
    return this.#waiting.map(({ command }) => command);
  }

  get inFlight(): boolean {
    return this.#waiting.some(({ inFlight }) => inFlight);
  }

  find(ref: string | undefined, room?: string): Outgoing | undefined {
    return this.#waiting.find(({ command }) =>
      command.ref === ref && (room === undefined || command.room === room)
    );
  }

  /** Keeps a command; one with the same room and ref is the same one. */
  add(command: Unsent): Promise<Message> {
    const known = this.find(command.ref, command.room);
    if (known) return known.promise;
    if (this.#waiting.length >= this.#most) {
      return Promise.reject(new ClientError("full", "Too many messages are waiting to be sent."));
    }
    const added = outgoing(command);
    this.#waiting.push(added);
    this.#save();
    return added.promise;
  }

  /** It was answered. */
  remove(answered: Outgoing): void {
    this.#waiting.splice(this.#waiting.indexOf(answered), 1);
    this.#save();
  }

  /** Gives up those that the test picks. */
  fail(error: ClientError, which: (command: Unsent) => boolean): void {
    for (const failed of this.#waiting.filter(({ command }) => which(command))) {
      this.remove(failed);
      failed.reject(error);
    }
  }

  /** The connection is gone: nothing is in flight any more. */
  lost(): void {
    for (const waiting of this.#waiting) waiting.inFlight = false;
  }

  /** Gives up all. @param forget in storage too; otherwise another client will send them. */
  abandon(error: ClientError, forget: boolean): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting = [];
    if (forget) save(this.#storage, KEY, {});
  }

  /** However much changes in one turn, it is kept once, at its end. */
  #save(): void {
    if (this.#willSave) return;
    this.#willSave = true;
    const waiting = this.#waiting;
    queueMicrotask(() => {
      if (waiting !== this.#waiting) return; // abandoned meanwhile
      this.#willSave = false;
      save(this.#storage, KEY, { unsent: this.commands });
    });
  }
}

function outgoing(
  command: Unsent,
  how = (settled: PromiseWithResolvers<Message>) => settled,
): Outgoing {
  return { ...how(Promise.withResolvers<Message>()), command, inFlight: false };
}
