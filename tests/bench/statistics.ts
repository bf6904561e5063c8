/** Several rounds → one figure, and how far apart the rounds were. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value that a share of all (0 to 1) did not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** A median with the least and the greatest: `3.21 (3.05–3.30)`. */
export function spread(values: readonly number[], digits = 2): string {
  const show = (value: number) => value.toFixed(digits);
  if (values.length < 2) return show(median(values));
  return `${show(median(values))} (${show(Math.min(...values))}–${show(Math.max(...values))})`;
}

/**
 * A median of many, how far it may be from the true one (95 times of 100 it is not further), and the least
 * and the greatest: `1.02 ± 0.03 (0.81–1.24)`. Of fewer than six that cannot be said.
 */
export function certain(values: readonly number[], digits = 2): string {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // How many of so many are below the true median is binomial.
  const below = Math.floor(count / 2 - 0.98 * Math.sqrt(count));
  if (below < 1) return spread(values, digits);
  const half = ((sorted[count - below] ?? NaN) - (sorted[below - 1] ?? NaN)) / 2;
  return spread(values, digits).replace(" ", ` ± ${half.toFixed(digits)} `);
}

/** Ratios round by round: what disturbs one round disturbs both sides of it. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? NaN));
}
