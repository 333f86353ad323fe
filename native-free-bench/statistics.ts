/** What many rounds of one case come to. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Half the distance from the lowest to the highest round, as a part of the median. */
  readonly spread: number;
}

/** @param values at least one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @param values at least one. */
export function summaryOf(values: readonly number[]): Summary {
  const middle = median(values);
  const min = Math.min(...values);
  const max = Math.max(...values);
  return { median: middle, min, max, spread: middle === 0 ? 0 : (max - min) / 2 / middle };
}

/**
 * Median of the ratios of rounds run next to each other: what disturbs the machine for longer than
 * a round disturbs both sides and drops out.
 */
export function pairedRatio(values: readonly number[], references: readonly number[]): number {
  return median(values.map((value, round) => value / references[round]!));
}
