/**
 * With how many `--workers` the heavy tests are run: with none and with two, or with as many as the variable
 * WORKERS says. `WORKERS=2 CRASH=1 deno task test:ending` is a long form over threads.
 *
 * @module
 */
const given = Deno.env.get("WORKERS");

/** The numbers of workers, one run each. */
export const WORKERS: readonly number[] = given === undefined ? [0, 2] : [Number(given)];

/** Ends the name of a test. */
export function named(workers: number): string {
  return workers === 0 ? "" : `, with --workers ${workers}`;
}
