/** A misspelt flavour is no run on none. */
import { expect, test } from 'vitest';

import { flavoursOf } from '../../bench/flavours.ts';
import { FLAVOURS } from '../support/database-server.ts';

test('all flavours, or the one that is named', () => {
  expect(flavoursOf(undefined)).toEqual(FLAVOURS);
  for (const flavour of FLAVOURS) expect(flavoursOf(flavour)).toEqual([flavour]);
  expect(() => flavoursOf('maria')).toThrow("not 'maria'");
});
