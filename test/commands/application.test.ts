/** What the whole server passes on to the sockets side of what is configured, and of what is not. */
import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { gatewayOptions } from '../../src/commands/application.ts';
import { LateZone } from '../../src/commands/late-zone.ts';
import { configOf } from '../config-builder.ts';
import { OPTIONS } from '../server/support/gateway-harness.ts';

const ZONE = new LateZone('Europe/Berlin');

describe('what a slow client may leave lying', () => {
  const { slowLimits } = gatewayOptions({ config: configOf({}) }, ZONE);

  test('64 KiB unsent, 1 MiB owed, ten seconds', () => {
    expect(slowLimits).toEqual({
      unsentBytesMax: 65_536,
      owedBytesMax: 1_048_576,
      stalledMsMax: 10_000,
    });
  });

  test('is what docs/protocol.md says', () => {
    const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
    const { unsentBytesMax, owedBytesMax, stalledMsMax } = slowLimits;
    const [unsent, owed] = [unsentBytesMax / 1024, owedBytesMax / 1024 ** 2];
    expect(text).toContain(`| bytes unsent to one client | ${String(unsent)} KiB |`);
    expect(text).toContain(
      `| bytes that must be delivered and wait for one client | ${String(owed)} MiB |`,
    );
    expect(stalledMsMax).toBe(10_000);
    expect(text).toContain('it takes nothing for ten seconds');
  });

  test('is what the tests of slow clients go by', () => {
    expect(OPTIONS.slowLimits).toEqual(slowLimits);
  });
});

test('LEGACY_TIMES has the zone of the source go with the options, learnt late as it may be', () => {
  expect(gatewayOptions({ config: configOf({ LEGACY_TIMES: '1' }) }, ZONE).legacyTimesZone).toBe(
    ZONE,
  );
  expect(gatewayOptions({ config: configOf({}) }, ZONE).legacyTimesZone).toBeNull();
});
