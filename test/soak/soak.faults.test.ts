/**
 * Hundreds of users who hop between two nodes while everything around them breaks are told everything once, in order.
 * `npm run test:soak` runs the same for longer; `GAVELCAST_SOAK_*` are its arguments.
 */
import { appendFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FLAVOURS } from '../support/database-server.ts';
import { runSoak } from './soak.ts';

const CLIENTS = Number(process.env['GAVELCAST_SOAK_CLIENTS'] ?? '200');
const SECONDS = Number(process.env['GAVELCAST_SOAK_SECONDS'] ?? '45');
const RESULTS = process.env['GAVELCAST_SOAK_RESULTS'];
/** The short form has as many kills and cuts as a longer one would have in three times the time. */
const isShort = SECONDS < 90;

describe.each(FLAVOURS)('on %s', (flavour) => {
  test(
    `${CLIENTS.toString()} clients for ${SECONDS.toString()} s: nothing lost, nothing twice`,
    async () => {
      const result = await runSoak({
        flavour,
        clients: CLIENTS,
        seconds: SECONDS,
        killEverySeconds: isShort ? 10 : 20,
        cutEverySeconds: isShort ? 15 : 40,
        requestsPerSecond: 40,
        print: (line) => process.stderr.write(`${line}\n`),
      });
      if (RESULTS !== undefined) appendFileSync(RESULTS, `${JSON.stringify(result)}\n`);
      const { items, byName, lost, repeated, invented, wrongStates } = result;
      // What explains a failure comes last: long output is cut in its middle.
      const { timeline, explanations } = result;
      const faults = [...items.faults, ...byName.faults];
      const context = ['', ...timeline, ...faults, ...explanations].join('\n');
      expect({ lost, repeated, invented, wrongStates }, context).toEqual({
        ...{ lost: 0, repeated: 0, invented: 0, wrongStates: 0 },
      });
      expect(result.databaseRestarts).toBe(2);
      expect(result.holds).toBeGreaterThanOrEqual(2);
      // A node that is behind does not know the places of clients that come from the other one.
      expect(result.fallbacks).toBeGreaterThan(0);
      expect(result.kills).toBeGreaterThanOrEqual(2);
      expect(result.recovered).toBeGreaterThan(CLIENTS / 2);
      expect(items.delivered).toBeGreaterThan(CLIENTS);
      expect(byName.delivered).toBeGreaterThan(0);
    },
    SECONDS * 1000 + 600_000,
  );
});
