/**
 * `descriptorLimit` reads how many files and sockets this process may have open at once.
 *
 * @module
 */

/** The file in which Linux lists the limits of a process. Other systems do not have it. */
const LIMITS: string = "file:///proc/self/limits";

/**
 * `descriptorLimit` returns the soft limit, which the runtime raises to the hard limit at its start.
 *
 * `Deno.readTextFile` needs all permissions to read from `/proc`. So the file is imported as text, which
 * needs only the permission to read. If that changes, tests/descriptors_test.ts fails.
 *
 * @returns `undefined` on systems that do not list their limits.
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
