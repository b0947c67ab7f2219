/**
 * A histogram of latencies as plain numbers: counted where it happens, added up over processes, read by a scrape.
 */
export interface LatencyCounts {
  /** How many fell under each bound, and above the last one; not cumulative. */
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

export class LatencyTally {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sumSeconds = 0;

  /** @param bounds upper bounds in seconds, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(seconds: number): void {
    let at = 0;
    while (at < this.#bounds.length && seconds > (this.#bounds[at] ?? 0)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }

  /** Adds what another one counted over the same bounds. */
  add({ counts, sumSeconds }: LatencyCounts): void {
    for (const [at, count] of counts.entries()) this.#counts[at] = (this.#counts[at] ?? 0) + count;
    this.#sumSeconds += sumSeconds;
  }

  read(): LatencyCounts {
    return { counts: [...this.#counts], sumSeconds: this.#sumSeconds };
  }
}

/** In Prometheus' text format. */
export function latencyText(
  { name, help, bounds }: { name: string; help: string; bounds: readonly number[] },
  { counts, sumSeconds }: LatencyCounts,
): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  let below = 0;
  for (const [at, count] of counts.entries()) {
    below += count;
    const bound = bounds[at];
    lines.push(`${name}_bucket{le="${bound === undefined ? '+Inf' : String(bound)}"} ${below}`);
  }
  lines.push(`${name}_sum ${sumSeconds}`, `${name}_count ${below}`);
  return `${lines.join('\n')}\n`;
}
