/**
 * The catalogue of metrics as Prometheus reads it.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type Metric, type Reading, type Readings } from '../src/metrics.ts';

export interface MetricsRegistry {
  readonly contentType: string;
  /** Everything, in Prometheus' text format. */
  text(): Promise<string>;
  /** A batch was written to the sockets this long after its commit. */
  readonly observeCommitToSocket: (seconds: number) => void;
}

/** @param read looks at every part of the program once; called by each scrape */
export function createMetricsRegistry(read: () => Readings): MetricsRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const catalogue: readonly (readonly [string, Metric])[] = Object.entries(METRICS);
  const pulled = catalogue.flatMap(([name, metric]) => {
    const value = metric.type === 'histogram' ? null : valueOf(name, metric, registry);
    return value === null ? [] : [[name, value] as const];
  });
  const name = 'gavelcast_commit_to_socket_seconds';
  const { help, buckets } = METRICS[name];
  const histogram = new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
  return {
    contentType: registry.contentType,
    text: () => {
      const readings = new Map<string, Reading>(Object.entries(read()));
      for (const [of, set] of pulled) set(readings.get(of) ?? null);
      return registry.metrics();
    },
    observeCommitToSocket: (seconds) => {
      histogram.observe(seconds);
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
