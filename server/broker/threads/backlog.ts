/**
 * The `Backlog` is what the serving threads were sent and have not taken yet. A port takes any amount, so a
 * thread that is slower than what the others say would fill the memory. When it has too much, commits wait:
 * then everybody goes as fast as the slowest thread, as in one thread. They do not wait for long, because a
 * thread that stands still must not stop the others.
 *
 * @module
 */

import type { RevisedMessage } from "../revisions.ts";

/** Text that a thread may have before it, in characters. */
const MAX_CHARS = 16_777_216;
/** A thread tells of so much at once that it has taken. */
const TOLD_CHARS = 1_048_576;
/** How long one commit waits at most. */
const MAX_WAIT_MS = 1000;

export class Backlog {
  readonly #maxWaitMs: number;
  readonly #chars = new Map<object, number>();
  /** Lets the commit go on that waits. */
  #resume: (() => void) | undefined;

  constructor(maxWaitMs: number = MAX_WAIT_MS) {
    this.#maxWaitMs = maxWaitMs;
  }

  /** Counts text that a thread is sent. */
  sent(thread: object, chars: number): void {
    this.#chars.set(thread, (this.#chars.get(thread) ?? 0) + chars);
  }

  /** Counts text that a thread has taken. */
  took(thread: object, chars: number): void {
    this.sent(thread, -chars);
    if (!this.#isTooMuch()) this.#resume?.();
  }

  /** Forgets a thread that is gone. */
  forget(thread: object): void {
    this.#chars.delete(thread);
    if (!this.#isTooMuch()) this.#resume?.();
  }

  /** Returns what the next commit waits for; `undefined` if it need not wait. One may wait at a time. */
  wait(): Promise<void> | undefined {
    if (!this.#isTooMuch()) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#resume?.(), this.#maxWaitMs);
    this.#resume = () => {
      this.#resume = undefined;
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #isTooMuch(): boolean {
    for (const chars of this.#chars.values()) if (chars > MAX_CHARS) return true;
    return false;
  }
}

/** Returns how much text revisions are, in characters. */
export function charsOf(messages: readonly RevisedMessage[]): number {
  return messages.reduce((sum, { message }) => sum + message.length, 0);
}

/** Counts what a serving thread takes. */
export class Taken {
  readonly #tell: (chars: number) => void;
  #chars = 0;

  /** @param tell tells the storing thread how much was taken since it was told last. */
  constructor(tell: (chars: number) => void) {
    this.#tell = tell;
  }

  add(chars: number): void {
    this.#chars += chars;
    if (this.#chars < TOLD_CHARS) return;
    this.#tell(this.#chars);
    this.#chars = 0;
  }
}
