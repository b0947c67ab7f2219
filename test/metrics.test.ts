import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { LatencyTally } from '../server/latency-counts.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../server/metrics-registry.ts';
import { METRICS, type Metric, type Reading, type Readings } from '../src/metrics.ts';

const BUCKETS = METRICS.gavelcast_commit_to_socket_seconds.buckets;
const CATALOGUE = Object.entries<Metric>(METRICS);

/** Every pulled metric with the same reading, or with two values where it has a label. */
function readings(value: Reading, labelled: Reading = new Map([['a', 1]])): Readings {
  const entries = CATALOGUE.filter(([, { type }]) => type !== 'histogram').map(([name, metric]) => [
    name,
    metric.label === undefined ? value : labelled,
  ]);
  return Object.fromEntries(entries) as Readings;
}

function samplesOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.startsWith('gavelcast_'));
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']));
}

test('docs/metrics.md has a row for each metric, as the catalogue has it, and no other', () => {
  const text = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `gavelcast_'));
  const expected = CATALOGUE.map(([name, { type, label, help }]) => {
    const word = label === undefined ? '' : `\`${label}\``;
    return `| \`${name}\` | ${type} | ${word} | ${help} |`;
  });
  expect(rows.sort()).toEqual(expected.sort());
  for (const [name] of text.matchAll(/gavelcast_[a-z_]+/g))
    expect(Object.keys(METRICS)).toContain(name);
});

test('names say what they are: counters end in _total, others do not, units are whole ones', () => {
  for (const [name, { type, help }] of CATALOGUE) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|percent)(_|$)/);
    expect(help).toMatch(/^[A-Z0-9/].*\.$/);
  }
});

test('each metric is on the page with its type; readings become values', async () => {
  const registry = registryOf(() =>
    readings(
      7,
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    ),
  );
  const text = await registry.text();
  for (const [name, { type, label }] of CATALOGUE) {
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    if (type === 'histogram') continue;
    if (label === undefined) expect(samplesOf(text).get(name)).toBe('7');
    else expect(samplesOf(text).get(`${name}{${label}="b"}`)).toBe('2');
  }
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  expect(text).toMatch(/^process_resident_memory_bytes /m);
});

test('a scrape shows what is, not the sum of scrapes; what is unknown has no sample', async () => {
  let reading: Reading = 3;
  const registry = registryOf(() => readings(reading));
  await registry.text();
  reading = 5;
  expect(samplesOf(await registry.text()).get('gavelcast_source_packets_total')).toBe('5');
  reading = null;
  const samples = samplesOf(await registry.text());
  expect(samples.has('gavelcast_source_behind_seconds')).toBe(false);
  expect(samples.has('gavelcast_source_packets_total')).toBe(false);
});

test('the histogram counts batches by the age of their commit', async () => {
  const latency = new LatencyTally(BUCKETS);
  const registry = registryOf(() => readings(0), latency);
  for (const seconds of [0.2, 0.4, 2.5]) latency.observe(seconds);
  const samples = samplesOf(await registry.text());
  expect(samples.get('gavelcast_commit_to_socket_seconds_count')).toBe('3');
  expect(samples.get('gavelcast_commit_to_socket_seconds_bucket{le="0.25"}')).toBe('1');
  expect(samples.get('gavelcast_commit_to_socket_seconds_bucket{le="1"}')).toBe('2');
});

function registryOf(read: () => Readings, latency = new LatencyTally(BUCKETS)): MetricsRegistry {
  return createMetricsRegistry({ read, commitToSocket: () => latency.read() });
}
