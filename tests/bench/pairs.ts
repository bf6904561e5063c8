/** Two sides that are measured next to each other. */

/**
 * Runs both sides so many times, in the order A B, B A, A B and so on: a machine that grows slower
 * meanwhile harms both alike.
 *
 * @param done is told of each pair, counted from 1.
 */
export async function inPairs<T>(
  pairs: number,
  sides: readonly [() => Promise<T>, () => Promise<T>],
  done: (pair: number, ours: T, others: T) => void,
): Promise<readonly [T[], T[]]> {
  const [ours, others]: [T[], T[]] = [[], []];
  for (let pair = 1; pair <= pairs; pair++) {
    const isReversed = pair % 2 === 0;
    const first = await sides[isReversed ? 1 : 0]();
    const second = await sides[isReversed ? 0 : 1]();
    const [our, other] = isReversed ? [second, first] : [first, second];
    ours.push(our);
    others.push(other);
    done(pair, our, other);
  }
  return [ours, others];
}
