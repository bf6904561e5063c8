/**
 * A message between its sender and the log, and where it waits if its sender is not let in yet:
 * stored before it is known where in the room one begins, it might never be shown to who said it.
 *
 * @module
 */
import type { Draft } from "../protocol/encode.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { ConnectedUser } from "./user.ts";

/** Whoever sent a message, member or not. */
export interface Sender {
  readonly user: ConnectedUser;
  refuse(refusal: Refusal, ref?: string): void;
  /** The message is in the log; told if it was there already, or if the draft asked for a receipt. */
  stored(room: string, seq: number, event: string, repeated: boolean): void;
}

/** A draft on its way, and whom to tell if it does not arrive. */
export interface Pending extends Draft {
  readonly sender: Sender;
}

/** Text that one who is not let in yet may have said; letting in takes long only if the broker is slow. */
const HELD_CHARS = 1_048_576;
const RETRY_MS = 1000;

/** What somebody said who is not let in yet. */
export class HeldMessages {
  readonly #pending: Pending[] = [];
  #chars = 0;

  /** @throws {Refusal} `unavailable` if too much is waiting. */
  add(pending: Pending): void {
    if (this.#chars > HELD_CHARS) throw notLetIn();
    this.#pending.push(pending);
    this.#chars += pending.rest.length;
  }

  /** Lets all of it go on; its sender is told of what cannot. */
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

  /** Its sender was not let in after all. */
  refuse(): void {
    for (const { sender, ref } of this.#pending) sender.refuse(notLetIn(), ref);
  }
}

function notLetIn(): Refusal {
  return new Refusal("unavailable", "You are not in the room yet. Send it again later.", {
    retryAfterMs: RETRY_MS,
  });
}
