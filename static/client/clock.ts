/**
 * The client's clock, which does not follow the wall clock: one that is put back by an hour would
 * otherwise stop the client's timers for an hour.
 *
 * @module
 */

/**
 * Returns the time of a timer: a browser runs one of more than 24 days, or of no number, at once. The server
 * may say so, for example where a room takes a message a month.
 */
export function timerMs(wanted: number): number {
  return Math.min(wanted || 0, 2e9);
}

/** Returns milliseconds that only ever grow. They are never near 0, which means "not yet". */
export function now(): number {
  return 1e9 + performance.now();
}
