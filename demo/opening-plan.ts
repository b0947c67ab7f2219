/** How an auction of the demo is to run. The first ones are staged so that a visitor sees everything within a minute. */

export interface OpeningPlan {
  readonly openedAtMs: number;
  /** Nobody bids before this: the one that is to be sniped waits for its last seconds. */
  readonly quietUntilMs: number;
  /** When interest is spent. A bid in the last two minutes before the end moves the end, so bids must stop somewhere. */
  readonly coolsAtMs: number;
  readonly endsAtMs: number;
  /** Starting price as a share of the estimate. */
  readonly startShare: number;
  /** Price reached by the earlier bids, as a share of the estimate. */
  readonly heat: number;
  readonly earlierBids: number;
  /** Reserve price as a share of the estimate; null without a reserve. */
  readonly reserveShare: number | null;
}

interface Staged {
  readonly elapsedS: number;
  /** Nobody bids for so many seconds from now. */
  readonly quietForS?: number;
  /** Interest is spent so many seconds from now; negative: it is already. */
  readonly coolsInS: number;
  readonly endsInS: number;
  readonly earlierBids: number;
  readonly heat: number;
  readonly reserveShare: number | null;
}

/** In the order of the cards: one about to end, one to be sniped and extended, others at every stage. */
const STAGED: readonly Staged[] = [
  { elapsedS: 240, coolsInS: -30, endsInS: 32, earlierBids: 24, heat: 0.96, reserveShare: 0.7 },
  { elapsedS: 200, coolsInS: 140, endsInS: 150, earlierBids: 14, heat: 0.62, reserveShare: 0.8 },
  {
    elapsedS: 180,
    quietForS: 14,
    coolsInS: 20,
    endsInS: 25,
    earlierBids: 18,
    heat: 0.81,
    reserveShare: null,
  },
  { elapsedS: 90, coolsInS: 200, endsInS: 215, earlierBids: 8, heat: 0.5, reserveShare: null },
  { elapsedS: 260, coolsInS: -60, endsInS: 54, earlierBids: 12, heat: 0.74, reserveShare: 0.9 },
  { elapsedS: 150, coolsInS: 120, endsInS: 135, earlierBids: 17, heat: 0.66, reserveShare: null },
  { elapsedS: 60, coolsInS: 230, endsInS: 250, earlierBids: 6, heat: 0.45, reserveShare: null },
  { elapsedS: 230, coolsInS: -20, endsInS: 96, earlierBids: 21, heat: 1.04, reserveShare: 0.75 },
  { elapsedS: 120, coolsInS: 95, endsInS: 122, earlierBids: 13, heat: 0.7, reserveShare: null },
  { elapsedS: 30, coolsInS: 290, endsInS: 310, earlierBids: 3, heat: 0.38, reserveShare: null },
  { elapsedS: 170, coolsInS: 110, endsInS: 180, earlierBids: 15, heat: 0.68, reserveShare: 0.65 },
  { elapsedS: 45, coolsInS: 170, endsInS: 190, earlierBids: 5, heat: 0.42, reserveShare: null },
];

const START_SHARE = 0.3;

/**
 * The plan of one auction.
 *
 * @param stage place among the first auctions; null for one that is opened later, with nothing behind it
 */
export function openingPlan(stage: number | null, nowMs: number): OpeningPlan {
  const staged = stage === null ? undefined : STAGED[stage];
  if (staged !== undefined) {
    return {
      openedAtMs: nowMs - staged.elapsedS * 1000,
      quietUntilMs: nowMs + (staged.quietForS ?? 0) * 1000,
      coolsAtMs: nowMs + staged.coolsInS * 1000,
      endsAtMs: nowMs + staged.endsInS * 1000,
      startShare: START_SHARE,
      heat: staged.heat,
      earlierBids: staged.earlierBids,
      reserveShare: staged.reserveShare,
    };
  }
  const lengthMs = (120 + Math.random() * 150) * 1000;
  return {
    openedAtMs: nowMs,
    quietUntilMs: nowMs,
    coolsAtMs: nowMs + lengthMs * 0.95,
    endsAtMs: nowMs + lengthMs,
    startShare: START_SHARE,
    heat: START_SHARE,
    earlierBids: 0,
    reserveShare: Math.random() < 0.35 ? 0.6 + Math.random() * 0.3 : null,
  };
}
