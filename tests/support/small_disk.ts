/**
 * A small disk of its own, to be filled up in truth. Not every container lets its root mount one: tests that
 * need one are skipped by name there.
 *
 * @module
 */

export class SmallDisk implements AsyncDisposable {
  /** The folder that it is mounted at. */
  readonly path: string;
  /** Whether it is a disk; otherwise it is a folder like any other. */
  readonly isMounted: boolean;
  readonly #folder: string;

  private constructor(folder: string, isMounted: boolean) {
    this.#folder = folder;
    this.path = `${folder}/disk`;
    this.isMounted = isMounted;
  }

  /** Makes a disk of 32 MB, if that is allowed. */
  static async make(): Promise<SmallDisk> {
    const folder = await Deno.makeTempDir({ prefix: "parley-" });
    await Deno.mkdir(`${folder}/disk`);
    return new SmallDisk(folder, await run("mount", ...OPTIONS, `${folder}/disk`));
  }

  /** Fills it up to its last byte, or so that so many are left. */
  async fill(bytesLeft = 0): Promise<void> {
    {
      using ballast = await Deno.open(this.#ballast, { create: true, append: true });
      try {
        for (const piece = new Uint8Array(PIECE_BYTES);;) await ballast.write(piece);
      } catch {
        // It is full.
      }
    }
    const { size } = await Deno.stat(this.#ballast);
    await Deno.truncate(this.#ballast, Math.max(0, size - bytesLeft));
  }

  /** Frees what was filled. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isMounted) await run("umount", this.path);
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #ballast(): string {
    return `${this.path}/ballast`;
  }
}

const OPTIONS = ["-t", "tmpfs", "-o", "size=32m", "tmpfs"];
const PIECE_BYTES = 4096;

/** @returns whether it succeeded. */
async function run(command: string, ...args: readonly string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: [...args], stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Whether tests that need a disk of their own are skipped. */
export const WITHOUT_DISK = await (async () => {
  await using disk = await SmallDisk.make();
  return !disk.isMounted;
})();
