/**
 * How many files and sockets this process may have open at once.
 *
 * @module
 */

/** Where Linux tells a process its limits. Elsewhere there is no such file. */
const LIMITS: string = "file:///proc/self/limits";

/**
 * Reads the limit, which the runtime has raised to the highest that is allowed.
 *
 * `Deno.readTextFile` asks for all permissions when it reads from `/proc`. An import as text needs the
 * permission to read and nothing else: tests/descriptors_test.ts notices when that changes.
 *
 * @returns `undefined` where the system does not tell.
 */
export async function descriptorLimit(): Promise<number | undefined> {
  try {
    const limits: { readonly default: unknown } = await import(LIMITS, { with: { type: "text" } });
    const [, soft] = /^Max open files\s+(\d+)/m.exec(String(limits.default)) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
