/**
 * The catalogue of metrics as Prometheus reads it.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { METRICS, type Metric, type Reading, type Readings } from '../src/metrics.ts';
import { latencyText, type LatencyCounts } from './latency-counts.ts';

export interface MetricsRegistry {
  readonly contentType: string;
  /** Everything, in Prometheus' text format. */
  text(): Promise<string>;
}

export interface MetricsSource {
  /** Looks at every part of the program once; called by each scrape. */
  readonly read: () => Readings;
  /** How long after their commit batches were written to the sockets, by the buckets of the catalogue. */
  readonly commitToSocket: () => LatencyCounts;
}

export function createMetricsRegistry({ read, commitToSocket }: MetricsSource): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const catalogue: readonly (readonly [string, Metric])[] = Object.entries(METRICS);
  const pulled = catalogue.flatMap(([name, metric]) => {
    const value = metric.type === 'histogram' ? null : valueOf(name, metric, registry);
    return value === null ? [] : [[name, value] as const];
  });
  const name = 'gavelcast_commit_to_socket_seconds';
  const { help, buckets } = METRICS[name];
  return {
    contentType: registry.contentType,
    text: async () => {
      const readings = new Map<string, Reading>(Object.entries(read()));
      for (const [of, set] of pulled) set(readings.get(of) ?? null);
      const histogram = latencyText({ name, help, bounds: buckets }, commitToSocket());
      return `${await registry.metrics()}\n${histogram}`;
    },
  };
}

/** A metric of the vendor's that takes what was read. Totals are set, not added to: the counting is done elsewhere. */
function valueOf(name: string, metric: Metric, registry: Registry): (reading: Reading) => void {
  const { help, label } = metric;
  const labelNames = label === undefined ? [] : [label];
  const configuration = { name, help, labelNames, registers: [registry] };
  const vendor = metric.type === 'counter' ? new Counter(configuration) : new Gauge(configuration);
  return (reading) => {
    vendor.reset();
    if (typeof reading === 'number') vendor.inc(reading);
    else if (reading === null) vendor.remove({});
    else if (label !== undefined) {
      for (const [word, value] of reading) vendor.inc({ [label]: word }, value);
    }
  };
}
