/**
 * How long a webhook waits after a request that failed.
 *
 * @module
 */

const MIN_MS = 1000;
/** The longest wait that is chosen here. A receiver that is back waits this long for its messages. */
const MAX_MS = 300_000;
/** The longest wait that a receiver may ask for. */
const MAX_ASKED_MS = 86_400_000;

/**
 * Returns a random time between the half and the whole of a delay that doubles with each failure, from
 * 1 second to 5 minutes.
 *
 * @param failures how many requests have failed in a row: at least 1.
 * @param random from 0 to 1.
 */
export function retryDelay(failures: number, random: number): number {
  const delay = Math.min(MAX_MS, MIN_MS * 2 ** (failures - 1));
  return Math.round(delay * (1 + random) / 2);
}

/**
 * Returns the milliseconds that a `Retry-After` header asks for, at most a day: it has seconds, or a date
 * (RFC 9110 §10.2.3).
 *
 * @param now milliseconds since 1970.
 * @returns 0 if there is no such header, or it cannot be read.
 */
export function askedDelay(retryAfter: string | null, now: number): number {
  const text = retryAfter?.trim() ?? "";
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return milliseconds > 0 ? Math.min(milliseconds, MAX_ASKED_MS) : 0;
}
