/**
 * Asks how much space a disk has left.
 *
 * @module
 */
import { statfs } from "node:fs/promises";

/** A disk with less than this counts as full: the next commits might still find a place in the files, or not. */
export const MIN_FREE_BYTES = 1 << 20;

/**
 * Returns the bytes that are free on the disk of a file; `undefined` where that cannot be asked. The process
 * may only ask with `--allow-sys=statfs`.
 */
export async function freeBytes(path: string): Promise<number | undefined> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
