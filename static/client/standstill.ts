/**
 * A page may stand still: its browser freezes it, a debugger stops it, or the machine is too busy. Its timers are
 * late then, and Chromium gives it no lock.
 *
 * @module
 */
import { now } from "./clock.ts";

/** How long a page waits before it asks again for a lock that it was not given, in milliseconds. */
const ASK_AGAIN_MS = 100;

/** The part of the Web Locks API that is used. Deno's types do not know it. */
export interface Locks {
  /** Calls `held` when the lock is free, or at once if it is stolen. It is held until that settles. */
  request(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly steal: true },
    held: () => void | Promise<void>,
  ): Promise<void>;
  /** Answers when the page was told what has become of its locks. */
  query(): Promise<unknown>;
}

/** Returns the browser's locks. A page has none without TLS, but for localhost. */
export function browserLocks(): Locks | undefined {
  const { locks }: { locks?: Locks } = navigator as object;
  return locks;
}

/** Calls `free` when a lock is free. While the page is not given it, it asks again, until it aborts that. */
export function whenFree(locks: Locks, name: string, end: AbortController, free: () => void): void {
  locks.request(name, end, free).catch(() => {
    if (!end.signal.aborted) setTimeout(whenFree, ASK_AGAIN_MS, locks, name, end, free);
  });
}

/**
 * Makes a function that returns how long ago this page stood still for the last time, in milliseconds: 0 if it
 * just did. The page must call it regularly.
 *
 * @param oftenMs if more time than this has passed between two calls, the page stood still.
 */
export function sinceStandstill(oftenMs: number): () => number {
  let calledAt = 0;
  let lateAt = 0;
  return () => {
    const time = now();
    if (time - calledAt > oftenMs) lateAt = time;
    calledAt = time;
    return time - lateAt;
  };
}
