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
 * @param check looks at the whole file, whose unfinished name it is given, and throws if it is not right.
 * @throws {OptionError} in one line, if the file must not or cannot be written.
 */
export async function writeNewFile(
  out: string,
  write: (add: Add) => Promise<void>,
  check: (unfinished: string) => void = () => {},
): Promise<void> {
  const path = await Deno.realPath(out).catch(() => out); // what a link leads to
  const unfinished = `${path}.unfinished`;
  using file = await create(out, path, unfinished);
  try {
    await write(async (bytes) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    });
    await file.sync();
    check(unfinished);
    await Deno.rename(unfinished, path);
  } catch (thrown) {
    await Deno.remove(unfinished).catch(() => {});
    throw thrown;
  }
}

async function create(out: string, path: string, unfinished: string): Promise<Deno.FsFile> {
  const refuse = (why: string) => new OptionError(`Cannot write ${out}: ${why}`);
  const there = await Deno.stat(path).catch(() => undefined);
  if (there?.isDirectory) throw refuse("it is a folder.");
  if (there?.isFile === false) throw refuse("it is not a file.");
  // A server whose database is replaced stores nothing any more, and its write-ahead log is lost.
  if (await Deno.stat(`${path}-wal`).catch(() => undefined)) {
    throw refuse(`a server uses it, or was killed: there is ${path}-wal. Name another file.`);
  }
  try {
    return await Deno.open(unfinished, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw refuse("there is no such folder.");
  }
}
