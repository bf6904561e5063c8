/**
 * `warnOfSlowDisk` measures at start how long a commit waits for the disk. Where that takes long, everybody
 * whom the thread serves waits as well, and another thread should store.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import type { StoreHealth } from "../store_health.ts";

/**
 * A disk whose median commit takes longer is slow. Here the busy room made a third of the deliveries that it
 * makes on a disk of 0.3 ms, and a request beside it took 7.5 ms in place of 2.
 */
const SLOW_MS = 2;
/** How many commits are measured: as many as fit into MAX_MS, within these bounds. Of three, one may be odd. */
const [MIN_COMMITS, MAX_COMMITS] = [3, 9];
const MAX_MS = 20;

/**
 * Makes a few commits that change nothing, and logs one line if the disk is slow. It says nothing of a store
 * that takes no commits: `/readyz` does.
 */
export async function warnOfSlowDisk(
  store: StoreHealth,
  log: Log,
  now: () => number = () => performance.now(),
): Promise<void> {
  const times: number[] = [];
  const end = now() + MAX_MS;
  while (times.length < MIN_COMMITS || times.length < MAX_COMMITS && now() < end) {
    const begin = now();
    if (await store.probe() !== undefined) return;
    times.push(now() - begin);
  }
  const median = times.toSorted((a, b) => a - b)[(times.length - 1) >> 1] ?? 0;
  if (median <= SLOW_MS) return;
  log.warn("disk is slow; see --workers", { commitMs: Math.round(median * 10) / 10 });
}
