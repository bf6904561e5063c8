/**
 * `TokenEnd` ends a session whose token has ended. The client is told first and has a grace, in which a
 * `hello` with a new token goes on with the session.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";

/** How long a session goes on reading after its token has ended. */
export const GRACE_MS = 25_000;
/** The longest time that `setTimeout` can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A `TokenEndListener` is told when the token ends, and when the grace is over. */
export interface TokenEndListener {
  tokenEnded(graceMs: number): void;
  graceEnded(): void;
}

export class TokenEnd {
  readonly #listener: TokenEndListener;
  readonly #graceMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  /**
   * @param expiresAt when the token ends, in milliseconds since 1970.
   * @param graceMs how long a client has time to bring a new token.
   */
  constructor(expiresAt: number, listener: TokenEndListener, graceMs = GRACE_MS) {
    this.#listener = listener;
    this.#graceMs = graceMs;
    this.#wait(expiresAt);
  }

  /** Whether the token has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  #wait(expiresAt: number): void {
    const left = expiresAt - Date.now();
    this.#timer = left > 0
      ? setTimeout(() => this.#wait(expiresAt), Math.min(left, MAX_TIMEOUT_MS))
      : setTimeout(() => this.#end(), 0);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#timer = setTimeout(() => this.#listener.graceEnded(), this.#graceMs);
    this.#listener.tokenEnded(this.#graceMs);
  }
}

/**
 * Makes the refusal of somebody whose token has ended.
 *
 * @param graceMs how long a new token is waited for, if the client is told so now.
 */
export function tokenEnded(graceMs?: number): Refusal {
  return new Refusal("unauthorized", "The token has ended. Say hello with a new one.", {
    field: "token",
    ...(graceMs !== undefined && { retryAfterMs: graceMs }),
  });
}
