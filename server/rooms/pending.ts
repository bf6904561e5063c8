/**
 * `Pending` is a message between its sender and the log. `HeldMessages` keeps those of a sender who is
 * not let in yet: if they were stored before the room knows where the sender begins to read, the
 * sender might never be sent them.
 *
 * @module
 */
import type { Draft } from "../protocol/encode.ts";
import { Refusal } from "../protocol/refusal.ts";

/** What sends a message or revises one: a session, or a request. */
export interface Sender {
  /** Is called when the message could not be stored. */
  refuse(refusal: Refusal, ref?: string): void;
  /** Is called when the message was stored before, or when it is stored and its draft asks for a receipt. */
  stored(room: string, seq: number, event: string, repeated: boolean): void;
  /**
   * Is called when what the sender asked to become of a message is stored, or was so before.
   *
   * @param event the `revised` event, as all members get it.
   * @param mine the reactions of the sender's user to the message.
   */
  revised(room: string, event: string, mine: readonly string[], ref: string | undefined): void;
}

/** A draft that is on its way to the log. */
export interface Pending extends Draft {
  readonly sender: Sender;
  /** Whether it moves the read mark of its user, who may come back for what follows. */
  readonly movesMark: boolean;
}

/**
 * What a revision counts for, besides its text: a message is read and stored again for it, and it may have
 * no text at all.
 */
const REVISION_CHARS = 512;

/** Counts the characters that a message or a revision takes of a tick and of the queue. */
export function charsOf({ head, rest, revision }: Pending): number {
  return head.length + rest.length + (revision === undefined ? 0 : REVISION_CHARS);
}

/** Text that is held for one sender. Letting in takes so long only if the broker is slow. */
const MAX_HELD_CHARS = 1_048_576;
const RETRY_MS = 1000;

/** The messages of a sender who is not let in yet. */
export class HeldMessages {
  readonly #pending: Pending[] = [];
  #chars = 0;

  /** @throws {Refusal} `unavailable` if too much is held. */
  add(pending: Pending): void {
    if (this.#chars > MAX_HELD_CHARS) throw notLetIn();
    this.#pending.push(pending);
    this.#chars += charsOf(pending);
  }

  /** Queues all messages. If one cannot be queued, that is refused. */
  release(queue: (pending: Pending) => void): void {
    for (const pending of this.#pending) {
      try {
        queue(pending);
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        pending.sender.refuse(thrown, pending.ref);
      }
    }
  }

  /** Refuses all messages: the sender could not be let in. */
  refuse(): void {
    for (const { sender, ref } of this.#pending) sender.refuse(notLetIn(), ref);
  }
}

function notLetIn(): Refusal {
  return new Refusal("unavailable", "You are not in the room yet. Send it again later.", {
    retryAfterMs: RETRY_MS,
  });
}
