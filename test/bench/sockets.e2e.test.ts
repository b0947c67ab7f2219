/** The benchmarks of the sockets side do what they say, on counts far too small to measure anything. */
import { expect, test } from 'vitest';

import { runBench } from './run-bench.ts';

const WITHIN_MS = 180_000;
const SOME = expect.any(Number) as number;

test(
  'bench:fanout: every contestant delivers single events and bursts',
  async () => {
    const args = ['--watchers', '20', '--rounds', '1', '--seconds', '0.1'];
    const { report, stdout } = await runBench('fanout', args);
    const pair = { single: { deliveries: SOME }, burst: { deliveries: SOME } };
    expect(report.details).toMatchObject({
      all: [
        {
          watchers: 20,
          rounds: [{ net: pair, ws: pair, 'socket.io': pair, gavelcast: pair }],
        },
      ],
    });
    expect(report.tables[0]).toHaveLength(5);
    expect(report.charts?.map(({ name }) => name)).toEqual(['fanout-singles', 'fanout-bursts']);
    expect(stdout).toContain('Gavelcast');
  },
  WITHIN_MS,
);

test(
  'bench:memory: every kind of connection is weighed',
  async () => {
    const { report } = await runBench('memory', ['--connections', '30', '--rounds', '1']);
    expect(report.tables[0]?.map(([name]) => name)).toEqual([
      'connection',
      'bare socket, idle',
      'ws, idle',
      'Socket.IO, idle',
      'Socket.IO, three rooms',
      'Gavelcast, authenticated, idle',
      'Gavelcast, three subscriptions',
    ]);
    expect(report.aims).toHaveLength(1);
  },
  WITHIN_MS,
);

test(
  'bench:growth: an event is measured with few and with many connections and topics',
  async () => {
    const args = ['--few', '20', '--connections', '50', '--topics', '100', '--rounds', '1'];
    const { report } = await runBench('growth', [...args, '--seconds', '0.1', '--idle', '0.1']);
    expect(report.details).toMatchObject({
      scales: [
        { connections: 20, topics: 20, idleCpuShare: null },
        { connections: 50, topics: 100, idleCpuShare: SOME },
      ],
      costRatio: SOME,
    });
  },
  WITHIN_MS,
);

test(
  'bench:auth: every contestant accepts all connections',
  async () => {
    const { report } = await runBench('auth', ['--connections', '30', '--rounds', '1']);
    expect(report.details).toMatchObject({ connections: 30 });
    expect(report.tables[0]).toHaveLength(5);
    expect(report.aims).toMatchObject([{ aim: 'at least 0.8' }]);
  },
  WITHIN_MS,
);
