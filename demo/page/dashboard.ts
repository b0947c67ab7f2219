/** The figures at the top: connection, latency, bids a second, auctions, and how the visitor stands. */
import { standing, type Auction } from './auction.ts';
import { byId, html, setText } from './dom.ts';
import { latency } from './format.ts';
import type { LatencySummary } from './latency-meter.ts';
import type { LiveState } from './live.ts';
import type { Person } from './listing.ts';

const STATES: Readonly<
  Record<LiveState, { readonly pill: string; readonly banner: string | null }>
> = {
  connecting: { pill: 'Connecting', banner: null },
  live: { pill: 'Live', banner: null },
  reconnecting: {
    pill: 'Reconnecting',
    banner: 'Connection lost. Prices may be old until it is back.',
  },
  degraded: {
    pill: 'Degraded',
    banner: 'The server has lost its database feed. Prices may be old.',
  },
  refused: { pill: 'Signed out', banner: 'The server does not know this session any more.' },
};

const RATE_SECONDS = 40;

/** Counts bids for each of the last seconds. */
export class BidRate {
  readonly #seconds = new Map<number, number>();
  #total = 0;

  add(atMs: number): void {
    const second = Math.floor(atMs / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    this.#total += 1;
    for (const old of this.#seconds.keys())
      if (old < second - RATE_SECONDS) this.#seconds.delete(old);
  }

  get total(): number {
    return this.#total;
  }

  /** Bids in each of the last complete seconds, oldest first. */
  perSecond(nowMs: number): readonly number[] {
    const last = Math.floor(nowMs / 1000) - 1;
    return Array.from(
      { length: RATE_SECONDS },
      (_, index) => this.#seconds.get(last - RATE_SECONDS + 1 + index) ?? 0,
    );
  }
}

/** Shows where the connection stands, in the pill and, when something is wrong, in the banner. */
export function showConnection(state: LiveState): void {
  const { pill, banner } = STATES[state];
  const element = byId('connection');
  element.dataset['state'] = state;
  setText(byId('connection-text'), pill);
  const strip = byId('banner');
  strip.hidden = banner === null;
  setText(strip, banner ?? '');
}

/** @param isSameMachine whether page and database share a clock; otherwise there is nothing honest to show */
export function showLatency(summary: LatencySummary, isSameMachine: boolean): void {
  setText(byId('latency-p50'), latency(summary.p50));
  setText(byId('latency-p99'), latency(summary.p99));
  setText(
    byId('latency-note'),
    isSameMachine
      ? `last ${summary.count} bids, COMMIT sent to event here`
      : 'needs the page on the demo’s own machine',
  );
  const highest = Math.max(10, ...summary.recent);
  showBars(
    byId('latency-bars'),
    summary.recent.map((ms) => ms / highest),
  );
}

export function showRate(rate: BidRate, nowMs: number): void {
  const seconds = rate.perSecond(nowMs);
  const recent = seconds.slice(-10);
  const mean = recent.reduce((sum, count) => sum + count, 0) / recent.length;
  setText(byId('rate'), mean.toFixed(1));
  setText(byId('rate-note'), `${rate.total.toLocaleString('en-US')} since you opened the page`);
  const highest = Math.max(4, ...seconds);
  showBars(
    byId('rate-bars'),
    seconds.map((count) => count / highest),
  );
}

export function showAuctionCounts(auctions: readonly Auction[], user: Person, nowMs: number): void {
  const open = auctions.filter(({ ending }) => ending === null);
  const soon = open.filter(({ endsAtMs }) => endsAtMs - nowMs < 60_000).length;
  setText(byId('open-count'), String(open.length));
  setText(byId('open-note'), `${soon} in the last minute`);
  const entered = open.filter(({ ownBid }) => ownBid !== null);
  const leading = entered.filter((auction) => standing(auction, user) === 'leading').length;
  const won = auctions.filter((auction) => standing(auction, user) === 'won').length;
  setText(byId('leading-count'), entered.length === 0 ? '–' : `${leading} of ${entered.length}`);
  setText(byId('leading-note'), won === 0 ? 'auctions you lead' : `auctions you lead, ${won} won`);
}

/** Bars with heights from 0 to 1; elements are kept so that only heights change. */
function showBars(target: HTMLElement, heights: readonly number[]): void {
  while (target.childElementCount < heights.length) target.append(html('i'));
  for (const [index, height] of heights.entries()) {
    const bar = target.children[index];
    if (bar instanceof HTMLElement) bar.style.setProperty('--height', height.toFixed(3));
  }
}
