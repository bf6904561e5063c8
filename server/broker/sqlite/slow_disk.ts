/**
 * `warnOfSlowDisk` measures at start how long a commit waits for the disk. If that is long, all
 * clients of the thread wait as well, and another thread should store.
 *
 * @module
 */
import type { Log } from "../../log.ts";

/**
 * A disk whose median commit takes longer is slow. Here the busy room made a third of the deliveries that it
 * makes on a disk of 0.3 ms, and a request beside it took 7.5 ms in place of 2.
 */
const SLOW_MS = 2;
/** How many commits are measured: as many as fit into MAX_MS, within these bounds. Of three, one may be odd. */
const [MIN_COMMITS, MAX_COMMITS] = [3, 9];
const MAX_MS = 20;

/** A store whose commits are measured. */
export interface Committing {
  /** Makes a commit that changes nothing. @throws if the store takes none. */
  commitNothing(): void;
}

/**
 * Makes a few commits that change nothing, and logs one line if the disk is slow. It says nothing of a store
 * that takes no commits: `/readyz` does.
 */
export function warnOfSlowDisk(
  store: Committing,
  log: Log,
  now: () => number = () => performance.now(),
): void {
  const times: number[] = [];
  try {
    const end = now() + MAX_MS;
    while (times.length < MIN_COMMITS || times.length < MAX_COMMITS && now() < end) {
      const begin = now();
      store.commitNothing();
      times.push(now() - begin);
    }
  } catch {
    return;
  }
  const median = times.toSorted((a, b) => a - b)[(times.length - 1) >> 1] ?? 0;
  if (median <= SLOW_MS) return;
  log.warn("disk is slow; see --workers", { commitMs: Math.round(median * 10) / 10 });
}
