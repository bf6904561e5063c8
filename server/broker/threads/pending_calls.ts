/**
 * `PendingCalls` are what a serving thread has asked and the storing thread has not answered yet.
 *
 * @module
 */
import { BrokerError } from "../broker_error.ts";
import { receiveError, type SentError } from "./sent_error.ts";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (thrown: Error) => void;
}

export class PendingCalls {
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #isOver = false;

  /**
   * Asks something.
   *
   * @param say says it under an id.
   * @throws {BrokerError} if there is nobody to answer.
   */
  async ask(say: (id: number) => void): Promise<unknown> {
    if (this.#isOver) throw gone();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    say(id);
    return await promise;
  }

  answered(id: number, value: unknown): void {
    this.#take(id)?.resolve(value);
  }

  failed(id: number, error: SentError): void {
    this.#take(id)?.reject(receiveError(error));
  }

  /** Fails all calls, and those that come later. */
  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#pending.values()) reject(gone());
    this.#pending.clear();
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

function gone(): BrokerError {
  return new BrokerError("The storing thread is gone.");
}
