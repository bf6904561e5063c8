/**
 * `copyBytes` copies a file in small pieces. It reads them with `readSync`: an asynchronous operation of
 * Deno on a file closes a duplicate of it, and closing one gives up every lock that this process has on the
 * file, so that another process could open the database. tests/data_test.ts notices.
 *
 * @module
 */

/** So many bytes are read while others wait: it takes a tenth of a millisecond if they are in memory. */
const CHUNK_BYTES = 131_072;
/** A copy is synced to the disk each time that so many bytes were added, so that no sync takes long. */
export const SYNC_BYTES = 8 << 20;

/**
 * Copies so many bytes into a new file that only its owner may read.
 *
 * @param from the file, which is read from where it stands.
 * @param step what is called after each piece. If it throws, that ends the copying.
 * @param bytesPerSecond how fast to copy. Without it, the copy is on the disk in the end. A copy that is made
 * slowly is for others to read, and a wait for the disk would make commits wait as well.
 */
export async function copyBytes(
  from: Deno.FsFile,
  path: string,
  bytes: number,
  step: (copied: number) => unknown,
  bytesPerSecond?: number,
): Promise<void> {
  using to = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  const chunk = new Uint8Array(CHUNK_BYTES);
  const begunAt = performance.now();
  let unsynced = 0;
  for (let copied = 0; copied < bytes;) {
    const read = from.readSync(chunk.subarray(0, Math.min(chunk.length, bytes - copied)));
    if (read === null) break;
    for (let written = 0; written < read;) written += await to.write(chunk.subarray(written, read));
    copied += read;
    unsynced += read;
    if (unsynced >= SYNC_BYTES) {
      await to.syncData();
      unsynced = 0;
    }
    await step(copied);
    if (bytesPerSecond === undefined) continue;
    const early = 1000 * copied / bytesPerSecond - (performance.now() - begunAt);
    if (copied < bytes && early > 1) await new Promise((resolve) => setTimeout(resolve, early));
  }
  if (bytesPerSecond === undefined) await to.syncData();
}
