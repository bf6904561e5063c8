/**
 * `Answers` passes on what a commit came to: to the senders who want to know, and to the application.
 *
 * @module
 */
import { isSameMessage, type Receipt } from "../broker/broker.ts";
import { audit, type Log } from "../log.ts";
import type { RevisedEvent } from "../protocol/messages.ts";
import { SERVER } from "../protocol/publications.ts";
import { conflict, Refusal } from "../protocol/refusal.ts";
import { logThrown } from "./log_thrown.ts";
import type { Pending } from "./pending.ts";
import type { StoredMessages } from "./stored_messages.ts";

const RETRY_MS = 1000;

export class Answers {
  readonly #log: Log;
  readonly #stored: StoredMessages | undefined;

  /** @param stored what tells the application, if it wants to know. */
  constructor(log: Log, stored: StoredMessages | undefined) {
    this.#log = log;
    this.#stored = stored;
  }

  /** Passes on a receipt. Never throws. */
  take(receipt: Receipt<Pending>): void {
    const { event, repeated } = receipt;
    if (!repeated) {
      this.#stored?.add(event);
      if (receipt.draft.revision?.isManager) this.#audit(receipt);
    }
    logThrown(this.#log, "delivery failed", () => answer(receipt));
  }

  /** Logs that a manager has changed what somebody else said. */
  #audit({ draft: { room, userId, revision }, event, seq }: Receipt<Pending>): void {
    if (revision === undefined || revision.kind === "react" || userId === SERVER.id) return;
    const { message: { from } }: RevisedEvent = JSON.parse(event);
    if (from.id === userId) return;
    audit(this.#log, { who: userId, what: revision.kind, whom: from.id, room, seq });
  }

  /** Tells a sender that nothing was stored. Never throws. */
  refuse({ sender, ref }: Pending, sentence?: string): void {
    logThrown(this.#log, "delivery failed", () => sender.refuse(unavailable(sentence), ref));
  }
}

function answer({ draft, seq, event, repeated, mine = [], refusal }: Receipt<Pending>): void {
  const { room, ref, sender, revision } = draft;
  if (refusal !== undefined) sender.refuse(refusal, ref);
  else if (revision !== undefined) sender.revised(room, event, mine, ref);
  else if (repeated && !isSameMessage(event, draft)) sender.refuse(conflict(), ref);
  else sender.stored(room, seq, event, repeated);
}

/** Makes the refusal of what could not be stored. */
export function unavailable(
  sentence = "The message could not be stored. Send it again later.",
): Refusal {
  return new Refusal("unavailable", sentence, { retryAfterMs: RETRY_MS });
}
