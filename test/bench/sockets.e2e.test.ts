/** The benchmarks of the sockets side do what they say, on counts far too small to measure anything. */
import { expect, test } from 'vitest';
import { z } from 'zod';

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
    expect(report.aims).toMatchObject([{ aim: 'at most 1.4' }, { aim: 'at most 1.4' }]);
  },
  WITHIN_MS,
);

test(
  'bench:growth: an event is measured with few and with many connections and topics',
  async () => {
    const args = ['--few', '20', '--connections', '50', '--topics', '100', '--rounds', '1'];
    const times = ['--seconds', '0.1', '--idle', '0.1'];
    const { report, stderr } = await runBench('growth', [...args, ...times]);
    expect(report.details).toMatchObject({
      scales: [
        { connections: 20, topics: 20, idleCpuShare: null },
        { connections: 50, topics: 100, idleCpuShare: SOME },
      ],
      costRatio: SOME,
    });
    expect(report.aims).toMatchObject([{ aim: 'at most 2' }, { aim: 'less than 10 %' }]);
    expect(report.charts?.map(({ name }) => name)).toEqual(['growth']);
    for (const step of ['connecting 50 clients', 'idle for 0.1 s', 'publishing for 0.1 s']) {
      expect(stderr).toContain(step);
    }
  },
  WITHIN_MS,
);

test(
  'bench:auth: every contestant accepts all connections',
  async () => {
    const { report } = await runBench('auth', ['--connections', '30', '--rounds', '1']);
    expect(report.details).toMatchObject({ connections: 30 });
    expect(report.tables[0]).toHaveLength(5);
    expect(report.aims).toMatchObject([{ aim: 'at least 0.8' }, { aim: 'at least 0.8' }]);
  },
  WITHIN_MS,
);

test(
  'bench:slow: the others are heard without and with one that does not read, which comes back when it is cut',
  async () => {
    // More than the buffers of the system take in, several times over, and a gateway of little patience.
    const args = ['--clients', '20', '--events', '120000', '--rate', '30000', '--rounds', '2'];
    const { report } = await runBench('slow', [...args, '--stalled-ms', '200']);
    // What was due has all come: a run that is short of an event ends in vain.
    const phase = { latency: { p99: SOME }, rssMaxBytes: SOME };
    const round = { without: phase, withOne: phase };
    expect(report.details).toMatchObject({ clients: 20, events: 120_000, rounds: [round, round] });
    // Once a round is the least that one does which comes for the round and stays away when it is cut.
    expect((report.details as { closes: number }).closes).toBeGreaterThan(2);
    expect(report.aims).toMatchObject([{ aim: 'at most 1.1' }, { aim: 'at most 64 MiB' }]);
    expect(report.charts?.map(({ name }) => name)).toEqual(['slow']);
  },
  WITHIN_MS,
);

test(
  'bench:workers: one process, one worker and two deliver, and all connections are held',
  async () => {
    const args = ['--watchers', '40', '--rounds', '1', '--seconds', '0.2'];
    const { report } = await runBench('workers', args);
    const rate = z.object({ deliveries: z.number() });
    const measured = z.object({ single: rate, joined: rate, shares: z.array(z.number()) });
    const { rounds } = z
      .object({ rounds: z.array(z.record(z.string(), measured)) })
      .parse(report.details);
    expect(Object.keys(rounds[0] ?? {})).toEqual(['one process', 'one worker', 'two workers']);
    for (const { single, joined } of Object.values(rounds[0] ?? {})) {
      expect(single.deliveries).toBeGreaterThan(0);
      expect(joined.deliveries).toBeGreaterThan(0);
    }
    const { shares = [] } = rounds[0]?.['two workers'] ?? {};
    expect(shares).toHaveLength(2);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  },
  WITHIN_MS,
);
