/**
 * What is hoped for of the benchmarks, apart from how it is measured: what a bad number makes of an aim can be tested.
 * A value that is no number meets nothing.
 */
import { ratio, type Aim } from './report.ts';

const SLOW_P99_SHARE_MAX = 1.1;
/**
 * The unsent bytes of a slow client are bounded, and all else that it is owed stands in the history, which is the same
 * without it: what is left is what a collector takes its time with.
 */
const SLOW_MORE_MIB_MAX = 64;
const MIB = 2 ** 20;

/** Of `bench:slow`. */
export function slowAims(of: {
  /** p99 of the clients that read with a stalled one, over that without. */
  readonly p99Share: number;
  /** The most that was resident before any client had stalled, and the most while one did. */
  readonly rssBytesBefore: number;
  readonly rssBytesStalled: number;
}): Aim[] {
  const moreMib = (of.rssBytesStalled - of.rssBytesBefore) / MIB;
  return [
    {
      what: 'p99 of the others with one stalled client, against without',
      aim: `at most ${SLOW_P99_SHARE_MAX}`,
      measured: ratio(of.p99Share),
      isMet: of.p99Share <= SLOW_P99_SHARE_MAX,
    },
    {
      what: 'the most memory in any round with a stalled client, more than before there was one',
      aim: `at most ${SLOW_MORE_MIB_MAX} MiB`,
      measured: `${moreMib.toFixed(0)} MiB`,
      isMet: moreMib <= SLOW_MORE_MIB_MAX,
    },
  ];
}
