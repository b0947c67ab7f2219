/**
 * The attacks of `npm run test:abuse`, smaller: each ends as it must, and the server is as light afterwards as before.
 */
import { expect, test } from 'vitest';
import { Target } from './support/abuse.ts';
import type { AttackName } from './support/attacker.ts';

const SOCKETS = 300;
const HEAP_GROWTH_MAX = 24 * 1024 * 1024;
/** Generous, because machines that run tests are busy; the true figures are in docs/security.md. */
const DELAY_MAX_MS = 2000;
/** Whoever may stay open stays as long as an attack takes, on a machine that has other things to do. */
const PATIENT = { handshakeWithinMs: 120_000, authenticateWithinMs: 120_000 };

/** The one way in which most of the sockets of an attack must have ended. */
const ENDINGS: Readonly<Record<AttackName, string>> = {
  'half-open: not a byte sent': 'open',
  'slow request: a header a second': 'open',
  'no HTTP: random bytes': '400',
  'upgrade and silence, no token': 'open',
  'forged tokens': '429',
  '1 GiB frame announced': '1009',
  'tiny fragments without end': '1008',
  'an unfinished message': 'open',
  'invalid UTF-8': '1007',
  'reserved bits': '1002',
  'reserved opcode': '1002',
  'unmasked frames': '1002',
  'binary frames': '1003',
  'deep JSON': 'open',
  'subscribe and unsubscribe without end': '4005',
  'pings without end': '4005',
};

test.each(Object.entries(ENDINGS) as [AttackName, string][])(
  '%s: %s',
  async (name, ending) => {
    await using target = await Target.start(PATIENT);
    const result = await target.suffer(name, {
      count: SOCKETS,
      openedPerSecond: 500,
      watchedMs: 1000,
    });
    expect(result.endings[ending], JSON.stringify(result.endings)).toBeGreaterThan(SOCKETS / 2);
    expect(result.heapAfter - result.heapBefore).toBeLessThan(HEAP_GROWTH_MAX);
    expect(result.arriving.p99Ms).toBeLessThan(DELAY_MAX_MS);
    expect(result.held.p99Ms).toBeLessThan(DELAY_MAX_MS);
  },
  120_000,
);
