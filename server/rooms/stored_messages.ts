/**
 * `StoredMessages` tells the application of the messages that this node has stored or revised, after they
 * were sent to the members. So what the application does with a message keeps nobody waiting for it.
 *
 * @module
 */
import { type OnStored, tellApplication } from "../access/application.ts";
import type { Log } from "../log.ts";

export class StoredMessages {
  readonly #onStored: OnStored;
  readonly #log: Log;
  /** Each message once: all who revise it in one tick get the same answer. */
  #events = new Set<string>();

  constructor(onStored: OnStored, log: Log) {
    this.#onStored = onStored;
    this.#log = log;
  }

  /** @param event the message's text, or a `revised` event. */
  add(event: string): void {
    this.#events.add(event);
  }

  /** Tells the application of what was added. Never throws. */
  tell(): void {
    const events = this.#events;
    this.#events = new Set();
    for (const event of events) {
      tellApplication("onStored", this.#log, () => this.#onStored(JSON.parse(event)));
    }
  }
}
