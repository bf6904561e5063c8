/**
 * Asks how much space a disk has left.
 *
 * @module
 */
import { statfs } from "node:fs/promises";

/** A disk with less than this counts as full: the next commits might still find a place in the files, or not. */
export const MIN_FREE_BYTES = 1 << 20;

/**
 * Returns the bytes that are free on the disk of a file; `undefined` where that is not known. The process
 * may only ask with `--allow-sys=statfs`, and some file systems do not tell: they say that they have no blocks.
 */
export async function freeBytes(path: string): Promise<number | undefined> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  try {
    const { blocks, bavail, bsize } = await statfs(folder);
    return blocks === 0 ? undefined : bavail * bsize;
  } catch {
    return undefined;
  }
}
