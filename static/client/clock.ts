/**
 * The client's clock, which does not follow the wall clock: one that is put back by an hour would
 * otherwise stop the client's timers for an hour.
 *
 * @module
 */

/** Returns milliseconds that only ever grow. They are never near 0, which means "not yet". */
export function now(): number {
  return 1e9 + performance.now();
}
