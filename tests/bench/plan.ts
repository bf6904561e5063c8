/** How much is run, and what every part of the bench is given. */

export interface Plan {
  /** Each server is started anew in each, in an order that rotates. */
  readonly rounds: number;
  readonly warmUpSeconds: number;
  /** How often each server has its turn in a round; one that is measured alone has all of them at once. */
  readonly turns: number;
  /** How long a turn is. */
  readonly seconds: number;
  /** Smaller crowds and logs where they take minutes: for trying the bench itself. */
  readonly quick: boolean;
  /** Of a part that compares several things, those whose titles hold this text. */
  readonly only: string;
}

/** To people who wait; results go to standard output. */
export function note(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** The same list, begun at another place in each round. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const first = round % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

/** A run with faults would make its figures meaningless. */
export function faultless(
  what: string,
  result: { holes: number; repeats: number; errors: number; complete?: boolean },
): void {
  const { holes, repeats, errors, complete } = result;
  if (holes + repeats + errors === 0 && complete !== false) return;
  const facts = JSON.stringify({ holes, repeats, errors, complete });
  throw new Error(`${what}: what arrived is not what was sent: ${facts}`);
}
