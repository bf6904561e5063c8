/**
 * Tells the application of the messages that this node has stored, when their receivers have been sent
 * them. So what the application does with a message keeps nobody waiting for that message.
 *
 * @module
 */
import { type OnStored, tellApplication } from "../access/application.ts";
import type { Log } from "../log.ts";

export class StoredMessages {
  readonly #onStored: OnStored;
  readonly #log: Log;
  #events: string[] = [];

  constructor(onStored: OnStored, log: Log) {
    this.#onStored = onStored;
    this.#log = log;
  }

  /** @param event the message's text. */
  add(event: string): void {
    this.#events.push(event);
  }

  /** Tells the application of what was added. Never throws. */
  tell(): void {
    const events = this.#events;
    this.#events = [];
    for (const event of events) {
      tellApplication("onStored", this.#log, () => this.#onStored(JSON.parse(event)));
    }
  }
}
