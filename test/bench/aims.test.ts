/** A bad number misses its aim, and so does none at all. */
import { describe, expect, test } from 'vitest';

import { slowAims } from '../../bench/aims.ts';
import type { Aim } from '../../bench/report.ts';

const MIB = 2 ** 20;

function met(aims: readonly Aim[]): boolean[] {
  return aims.map(({ isMet }) => isMet);
}

describe('bench:slow', () => {
  const good = { p99Share: 1.1, rssBytesBefore: 400 * MIB, rssBytesStalled: 464 * MIB };

  test.each([
    ['as good as it must be', {}, [true, true]],
    ['the others wait', { p99Share: 1.11 }, [false, true]],
    ['memory grows', { rssBytesStalled: 465 * MIB }, [true, false]],
    ['nothing measured', { p99Share: Number.NaN, rssBytesBefore: Number.NaN }, [false, false]],
  ])('%s', (_, found, isMet) => {
    expect(met(slowAims({ ...good, ...found }))).toEqual(isMet);
  });
});
