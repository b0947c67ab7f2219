/**
 * What the countdown costs: the same questions to a schedule of few auctions and to one of many.
 */
import { Countdown, COUNTDOWN_STEPS } from '../src/auction/countdown.ts';
import { itemIdOf, type ItemId } from '../src/auction/ids.ts';
import { median } from './statistics.ts';

/** Nanoseconds each. */
export interface CountdownCost {
  readonly auctions: number;
  /** One auction's end moves to another time. */
  readonly moveNs: number;
  /** When the next step of any auction is due. */
  readonly nextNs: number;
  /** One step comes due and is announced. */
  readonly stepNs: number;
}

const CALLS = 100_000;
const ROUNDS = 5;
const START_MS = Date.UTC(2030, 0, 1);
const YEAR_MS = 31_536_000_000;
/** Odd and far from any power of two: visits all ends of a year in an order like chance, the same in every run. */
const STRIDE_MS = 7_919_000_017;

/** Measures a schedule of so many auctions whose ends are spread over a year. */
export function measureCountdown(auctions: number): CountdownCost {
  const countdown = new Countdown();
  const itemIds = Array.from({ length: auctions }, (_, at) => itemIdOf(at + 1));
  let turn = 0;
  const end = (): number => START_MS + 600_000 + ((turn++ * STRIDE_MS) % YEAR_MS);
  for (const itemId of itemIds) countdown.arm(itemId, end(), START_MS);
  const move = (at: number): void => {
    countdown.arm(itemIdAt(itemIds, at), end(), START_MS);
  };
  const moveNs = nsEach(CALLS, move);
  const nextNs = nsEach(CALLS, () => countdown.nextAtMs());
  return { auctions, moveNs, nextNs, stepNs: stepCost(countdown) };
}

/** Follows the clock through the steps that come first. */
function stepCost(countdown: Countdown): number {
  let taken = 0;
  const startedAt = performance.now();
  const wanted = Math.min(CALLS / 10, (countdown.size * COUNTDOWN_STEPS.length) / 2);
  while (taken < wanted) {
    const nextAtMs = countdown.nextAtMs();
    if (nextAtMs === null) break;
    taken += countdown.due(nextAtMs).length;
  }
  return ((performance.now() - startedAt) * 1e6) / taken;
}

function itemIdAt(itemIds: readonly ItemId[], at: number): ItemId {
  const itemId = itemIds[(at * 7_919) % itemIds.length];
  if (itemId === undefined) throw new Error('no auctions');
  return itemId;
}

/** Nanoseconds of one call, the median of some rounds. */
function nsEach(calls: number, call: (at: number) => unknown): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    for (let at = 0; at < calls; at += 1) call(at);
    return ((performance.now() - startedAt) * 1e6) / calls;
  });
  return median(rounds);
}
