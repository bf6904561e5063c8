/**
 * The clock of a webhook, which tests replace by one that they move.
 *
 * @module
 */

export interface WebhookClock {
  /** The wall clock: milliseconds since 1970. */
  now(): number;
  /** Settles after that time, or as soon as the signal is aborted. It never rejects. */
  sleep(milliseconds: number, until: AbortSignal): Promise<void>;
}

/** The real clock. */
export const systemClock: WebhookClock = {
  now: () => Date.now(),
  sleep(milliseconds, until) {
    if (until.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, milliseconds);
    until.addEventListener("abort", wake);
    return promise.finally(() => {
      clearTimeout(timer);
      until.removeEventListener("abort", wake); // the signal lives as long as the server
    });
  },
};
