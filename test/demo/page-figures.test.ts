import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { countdown, initials, money, raised } from '../../demo/page/format.ts';
import { LatencyMeter } from '../../demo/page/latency-meter.ts';
import { stepLine } from '../../demo/page/step-line.ts';

describe('commit-to-page latency', () => {
  test('is the time between the two halves, whichever comes first', () => {
    const meter = new LatencyMeter();
    meter.committed(1, 1000);
    meter.arrived(1, 1004.5);
    meter.arrived(2, 2003);
    meter.committed(2, 2000);
    expect(meter.summary()).toMatchObject({ count: 2, p50: 3, p99: 4.5, recent: [4.5, 3] });
  });

  test('an unmatched half counts for nothing', () => {
    const meter = new LatencyMeter();
    meter.committed(1, 1000);
    meter.arrived(2, 1001);
    expect(meter.summary()).toEqual({ count: 0, p50: null, p99: null, recent: [] });
  });

  test('the last 200 bids count, by nearest rank', () => {
    const meter = new LatencyMeter();
    for (let bidId = 1; bidId <= 300; bidId += 1) {
      meter.committed(bidId, 0);
      meter.arrived(bidId, bidId);
    }
    expect(meter.summary()).toMatchObject({ count: 200, p50: 200, p99: 298 });
  });
});

describe('figures', () => {
  test('money, countdown and initials as people write them', () => {
    expect([money(1250), money(12.5)]).toEqual(['$1,250', '$12.50']);
    expect([countdown(125_000), countdown(900), countdown(-5), countdown(3_600_000)]).toEqual([
      '2:05',
      '0:01',
      '0:00',
      '1:00:00',
    ]);
    expect(initials('Alma de Reyes')).toBe('AD');
  });

  test('the raised bid is always higher, and about 5 %', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_000_000 }), (cents) => {
        const price = cents / 100;
        const next = raised(price);
        expect(next).toBeGreaterThan(price);
        expect(next - price * 1.05).toBeLessThanOrEqual(50);
      }),
    );
  });
});

test('a price line starts at the starting price, steps at each bid, and never leaves its plot', () => {
  const bidder = { id: 1, name: 'A' };
  const points = [
    { atMs: 25, amount: 15, bidder },
    { atMs: 50, amount: 20, bidder },
  ];
  const inset = { top: 0, right: 0, bottom: 0, left: 0 };
  const plot = { width: 100, height: 10, inset, fromMs: 0, toMs: 100, startPrice: 10 };
  expect(stepLine(points, plot)).toMatchObject({
    line: 'M0.0 10.0H25.0V5.0H50.0V0.0H100.0',
    low: 10,
    high: 20,
    end: { x: 100, y: 0 },
  });
  expect(stepLine([], plot).line).toBe('M0.0 10.0H100.0');
});
