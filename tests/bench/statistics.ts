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

/** Ratios round by round: what disturbs one round disturbs both sides of it. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? NaN));
}
