/**
 * The `Backlog` is what the serving threads were sent and have not taken yet. A port takes any amount, so a
 * thread that is slower than what the others say would fill the memory. When it has too much, commits wait:
 * then everybody goes as fast as the slowest thread, as in one thread. If it takes nothing meanwhile, it is
 * late: nobody waits for it any more, and it is sent no more until it has taken something.
 *
 * @module
 */

import type { MemberChange } from "../broker.ts";
import type { RetainedChange } from "../retained.ts";
import type { RevisedMessage } from "../revisions.ts";

/** Text that a thread may have before it, in characters. */
export const MAX_CHARS = 16_777_216;
/** A thread reports what it has taken once that is TOLD_CHARS, or once the last report is TOLD_MS old. */
const TOLD_CHARS = 1_048_576;
const TOLD_MS = 250;
/** How long one commit waits at most. A thread that takes nothing for so long is late. */
const MAX_WAIT_MS = 1000;

export class Backlog {
  readonly #maxWaitMs: number;
  readonly #chars = new Map<object, number>();
  /** The threads that took something since a commit began to wait. */
  readonly #moving = new Set<object>();
  readonly #late = new Set<object>();
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
    this.#late.delete(thread);
    this.#moving.add(thread);
    if (!this.#isTooMuch()) this.#resume?.();
  }

  /** Forgets a thread that is gone. */
  forget(thread: object): void {
    this.#chars.delete(thread);
    this.#late.delete(thread);
    this.#moving.delete(thread);
    if (!this.#isTooMuch()) this.#resume?.();
  }

  /** Whether a thread has as much before it as it may have: what it can do without is not sent to it. */
  isFull(thread: object): boolean {
    return (this.#chars.get(thread) ?? 0) > MAX_CHARS;
  }

  /** Whether a thread has too much before it, and took nothing while a commit waited for it. */
  isLate(thread: object): boolean {
    return this.#late.has(thread);
  }

  /** Returns what the next commit waits for; `undefined` if it need not wait. One may wait at a time. */
  wait(): Promise<void> | undefined {
    if (!this.#isTooMuch()) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#moving.clear();
    const timer = setTimeout(() => {
      for (const thread of this.#chars.keys()) {
        if (this.isFull(thread) && !this.#moving.has(thread)) this.#late.add(thread);
      }
      this.#resume?.();
    }, this.#maxWaitMs);
    this.#resume = () => {
      this.#resume = undefined;
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #isTooMuch(): boolean {
    for (const [thread, chars] of this.#chars) {
      if (chars > MAX_CHARS && !this.#late.has(thread)) return true;
    }
    return false;
  }
}

/** Returns how much text revisions are, in characters. */
export function charsOf(messages: readonly RevisedMessage[]): number {
  return messages.reduce((sum, { message }) => sum + message.length, 0);
}

/** How much a change of members counts, for each user that it names. */
const USER_CHARS = 200;

/** Returns about how much text a change of members is, in characters. */
export function charsOfMembers(change: MemberChange): number {
  return USER_CHARS * (change.kind === "everyone" ? change.users.length : 1);
}

/** Returns how much text a change of retained events is, in characters. */
export function charsOfRetained(change: RetainedChange): number {
  if (change.kind === "one") return change.event.length;
  return change.events.values().reduce((sum, { length }) => sum + length, 0);
}

/** Counts what a thread takes. */
export class Taken {
  readonly #tell: (chars: number) => void;
  readonly #now: () => number;
  #chars = 0;
  #toldAt = 0;

  /**
   * @param tell tells the other thread how much was taken since it was told last.
   * @param now a clock in milliseconds.
   */
  constructor(tell: (chars: number) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  add(chars: number): void {
    this.#chars += chars;
    const now = this.#now();
    if (this.#chars < TOLD_CHARS && now - this.#toldAt < TOLD_MS) return;
    this.#toldAt = now;
    this.#tell(this.#chars);
    this.#chars = 0;
  }
}
