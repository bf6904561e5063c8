/** A disk that is as slow as one wants: each sync of one process takes so many milliseconds. */
import { output } from "./generator.ts";
import { SCRATCH } from "./servers.ts";

const SOURCE = `${import.meta.dirname}/slow_sync.c`;
const LIBRARY = `${SCRATCH}/slow_sync.so`;

/**
 * Compiles the library that slows syncs down.
 *
 * @returns false if this machine has no C compiler (`cc`).
 */
export async function compileSlowSync(): Promise<boolean> {
  try {
    await output("cc", ["-O2", "-Wall", "-shared", "-fPIC", "-o", LIBRARY, SOURCE, "-ldl"]);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** The variables that a server is started with whose syncs are to take that long, at the least. */
export function slowSync(milliseconds: number): readonly string[] {
  return [`LD_PRELOAD=${LIBRARY}`, `SYNC_US=${milliseconds * 1000}`];
}
