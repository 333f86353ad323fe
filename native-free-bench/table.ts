/** Plain-text tables and figures for people. */

/** The first column is left-aligned, the others right-aligned. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return rows.map(lineOf).join('\n');
}

/** 61234 -> 61.2k, 1234567 -> 1.23M. */
export function compact(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e5) return `${(value / 1e3).toFixed(0)}k`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)}k`;
  return value.toFixed(0);
}

export function percent(part: number): string {
  return `±${(part * 100).toFixed(0)}%`;
}

/** Two digits behind the point below 10, one below 1,000. */
export function rounded(value: number): string {
  if (Math.abs(value) < 10) return value.toFixed(2);
  return Math.abs(value) < 1_000 ? value.toFixed(1) : value.toFixed(0);
}
