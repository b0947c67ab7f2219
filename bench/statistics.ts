/** Summaries that the benchmarks print. */

export interface Summary {
  readonly samples: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest-rank percentiles of `values` (any unit), which is sorted in place. */
export function summarise(values: Float64Array): Summary {
  values.sort();
  const rank = (share: number): number =>
    values[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? Number.NaN;
  return {
    samples: values.length,
    p50: rank(0.5),
    p90: rank(0.9),
    p99: rank(0.99),
    max: values.at(-1) ?? Number.NaN,
  };
}

/** The middle one of an odd number of values, the upper middle one of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** What was measured in one second, or in what was left of it. */
export interface Window {
  readonly p99: number;
  readonly samples: number;
}

/**
 * The p99 of a round in which nothing happens that does not happen in all: of each window the median over the rounds, then the
 * mean over the windows by their samples. NaN of none.
 *
 * @param rounds of each round, its parts, and of each part its windows; a window that most rounds lack is left out
 */
export function smoothed(rounds: readonly (readonly (readonly Window[])[])[]): number {
  const windowsOf = new Map<string, Window[]>();
  for (const parts of rounds) {
    for (const [part, windows] of parts.entries()) {
      for (const [at, window] of windows.entries()) {
        const place = `${part} ${at}`;
        windowsOf.set(place, [...(windowsOf.get(place) ?? []), window]);
      }
    }
  }
  let sum = 0;
  let weight = 0;
  for (const windows of windowsOf.values()) {
    if (windows.length * 2 < rounds.length) continue;
    const samples = median(windows.map((window) => window.samples));
    if (samples === 0) continue;
    sum += samples * median(windows.map(({ p99 }) => p99));
    weight += samples;
  }
  return sum / weight;
}

/** A plain text table; the first row is the heading, numbers are right-aligned. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isNumeric = (text: string): boolean => /^[\d.,+-]/.test(text);
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return isNumeric(cell) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
