/** The client's clock. */

/**
 * Milliseconds that only ever grow, whatever becomes of the wall clock: one that is put back by an
 * hour must not keep the client quiet for an hour. Never near 0, which stands for "not yet".
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
