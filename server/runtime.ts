/**
 * The version of Parley, and the runtime that it needs. `main.ts` loads this file before all others, so it
 * may use nothing that an older runtime does not have.
 *
 * @module
 */

/** The version of this Parley. tests/start_test.ts holds `deno.json` to it. */
export const VERSION = "0.1.0";

/** The oldest Deno that Parley runs on: its tests pin what the runtime does, and they ran on no older one. */
export const MIN_DENO = "2.9.6";

/**
 * Says in one sentence that a runtime is too old.
 *
 * @param deno its version, such as `2.9.6` or `3.0.0-rc.1`.
 * @returns `undefined` if it is new enough.
 */
export function whyTooOld(deno: string): string | undefined {
  const needed = numbersOf(MIN_DENO);
  const given = numbersOf(deno);
  const differing = needed.findIndex((number, place) => number !== given[place]);
  if (differing < 0 || (given[differing] ?? 0) > (needed[differing] ?? 0)) return undefined;
  return `Parley needs Deno ${MIN_DENO} or newer, and this is ${deno}. Run "deno upgrade".`;
}

function numbersOf(version: string): number[] {
  return version.split(/[.+-]/).slice(0, 3).map(Number);
}
