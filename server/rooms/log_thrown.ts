/**
 * `logThrown` keeps an exception in one room, session or sender from disturbing the others.
 *
 * @module
 */
import { type Facts, type Log, reason } from "../log.ts";

/** Calls `act`. If it throws, that is logged under `what`, and nobody else notices. */
export function logThrown(log: Log, what: string, act: () => void, facts?: Facts): void {
  try {
    act();
  } catch (thrown) {
    log.error(what, { ...facts, reason: reason(thrown) });
  }
}
