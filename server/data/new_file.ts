/**
 * `writeNewFile` puts a file under its name only when it is whole and on the disk. Meanwhile it is beside it,
 * as `….unfinished`.
 *
 * @module
 */
import { OptionError } from "../options.ts";

/** Adds all bytes to the file. */
export type Add = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file that only its owner may read. If anything fails, the one of that name is as it was before.
 *
 * @param write adds the bytes.
 * @param check what must be right of the whole file, which it is given by its unfinished name.
 * @throws {OptionError} in one line, if the file must not or cannot be written.
 */
export async function writeNewFile(
  out: string,
  write: (add: Add) => Promise<void>,
  check: (unfinished: string) => void = () => {},
): Promise<void> {
  await assertIsNoOpenDatabase(out);
  const unfinished = `${out}.unfinished`;
  using file = await create(out, unfinished);
  try {
    await write(async (bytes) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    });
    await file.sync();
    check(unfinished);
    await Deno.rename(unfinished, out);
  } catch (thrown) {
    await Deno.remove(unfinished).catch(() => {});
    throw thrown;
  }
}

/**
 * A server whose database is replaced stores nothing any more, and the messages in its write-ahead log are lost.
 * SQLite would also take a log that was left behind into the new file.
 */
async function assertIsNoOpenDatabase(out: string): Promise<void> {
  const target = await Deno.realPath(out).catch(() => out);
  for (const path of new Set([out, target])) {
    const log = await Deno.stat(`${path}-wal`).catch(() => undefined);
    if (log === undefined) continue;
    throw new OptionError(
      `Cannot write ${out}: a server uses it, or was killed: there is ${path}-wal. Name another file.`,
    );
  }
}

async function create(out: string, unfinished: string): Promise<Deno.FsFile> {
  try {
    if ((await Deno.stat(out).catch(() => undefined))?.isDirectory) {
      throw new OptionError(`Cannot write ${out}: it is a folder.`);
    }
    return await Deno.open(unfinished, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new OptionError(`Cannot write ${out}: there is no such folder.`);
  }
}
