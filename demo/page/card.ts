/** One auction's card: picture, countdown, price, leader, chart, bidding, and the stamp when it is over. */
import { artOf } from './art.ts';
import { standing, type Auction } from './auction.ts';
import { byline } from './avatar.ts';
import { BidControls, type PlaceBid } from './bid-controls.ts';
import { Sparkline } from './chart.ts';
import { html, replay, setText } from './dom.ts';
import { countdown, money } from './format.ts';
import { Odometer } from './odometer.ts';
import type { Listing, Person } from './listing.ts';

export interface CardOptions {
  readonly user: Person;
  readonly placeBid: PlaceBid;
  readonly onOpen: (itemId: number) => void;
}

/** From here on a bid moves the end: the portal's soft close. */
const SOFT_CLOSE_MS = 120_000;
const FINAL_MS = 10_000;

export class Card {
  readonly element: HTMLElement;
  readonly #user: Person;
  readonly #clock = html('span', { class: 'clock', 'aria-label': 'Time left' });
  readonly #call = html('span', { class: 'call', 'aria-hidden': 'true' });
  readonly #flash = html('span', { class: 'extension', 'aria-hidden': 'true' });
  readonly #stamp = html('div', { class: 'stamp' });
  readonly #price = new Odometer();
  readonly #delta = html('span', { class: 'delta', 'aria-hidden': 'true' });
  readonly #leader = html('span', { class: 'leader' });
  readonly #bidCount = html('span', { class: 'bid-count' });
  readonly #reserve = html('span', { class: 'badge' });
  readonly #chart = new Sparkline();
  readonly #controls: BidControls;
  #shown: Auction | null = null;
  #drawnSecond = 0;

  constructor(listing: Listing, options: CardOptions) {
    this.#user = options.user;
    this.#controls = new BidControls(options.placeBid);
    const title = html('button', { type: 'button', class: 'title' }, listing.title);
    title.addEventListener('click', () => {
      options.onOpen(listing.itemId);
    });
    this.element = html(
      'article',
      { class: 'card', 'data-item': listing.itemId, 'aria-label': listing.title },
      html(
        'div',
        { class: 'stage' },
        artOf(listing.art),
        html('span', { class: 'lot' }, `Lot ${listing.lot}`),
        this.#clock,
        this.#call,
        this.#flash,
        this.#stamp,
      ),
      html(
        'div',
        { class: 'card-body' },
        html('h3', {}, title),
        html('p', { class: 'seller' }, `from ${listing.seller}`),
        html(
          'div',
          { class: 'price-row' },
          html('span', { class: 'price' }, this.#price.element, this.#delta),
          this.#reserve,
        ),
        html('div', { class: 'standing-row' }, this.#leader, this.#bidCount),
        this.#chart.element,
        this.#controls.element,
      ),
    );
  }

  /** Shows the auction as it is now and animates what changed since the last time. */
  show(auction: Auction): void {
    const { listing } = auction;
    this.#price.show(money(auction.price));
    if (this.#shown?.leader?.id !== auction.leader?.id || this.#shown === null)
      this.#showLeader(auction);
    setText(this.#bidCount, auction.bidCount === 1 ? '1 bid' : `${auction.bidCount} bids`);
    this.#showReserve(auction);
    this.#animate(auction);
    this.element.dataset['standing'] = standing(auction, this.#user);
    if (auction.ending !== this.#shown?.ending) this.#showStamp(auction);
    this.#controls.show({
      itemId: listing.itemId,
      title: listing.title,
      price: auction.price,
      isOpen: auction.ending === null,
    });
    if (auction.points !== this.#shown?.points) this.#drawnSecond = 0;
    this.#shown = auction;
  }

  /** Moves the countdown and the chart's right edge. */
  tick(nowMs: number): void {
    const auction = this.#shown;
    if (auction === null) return;
    if (auction.ending !== null) {
      setText(this.#clock, 'ended');
      setText(this.#call, '');
      this.element.dataset['phase'] = 'ended';
      return;
    }
    const remainingMs = auction.endsAtMs - nowMs;
    setText(this.#clock, remainingMs > 0 ? countdown(remainingMs) : 'closing');
    setText(this.#call, callFor(remainingMs));
    this.element.dataset['phase'] = phaseFor(remainingMs);
    if (this.#drawnSecond !== Math.floor(nowMs / 1000)) this.#draw(auction, nowMs);
  }

  #draw({ listing, points }: Auction, nowMs: number): void {
    this.#drawnSecond = Math.floor(nowMs / 1000);
    const { openedAtMs, startingPrice } = listing;
    this.#chart.draw(points, { fromMs: openedAtMs, toMs: nowMs, startPrice: startingPrice });
  }

  #showLeader(auction: Auction): void {
    this.#leader.replaceChildren(
      auction.leader === null
        ? html('span', { class: 'no-leader' }, 'No bids yet')
        : byline(auction.leader, auction.leader.id === this.#user.id),
    );
  }

  #showReserve({ reserveMet }: Auction): void {
    this.#reserve.hidden = reserveMet === null;
    this.#reserve.dataset['met'] = String(reserveMet);
    setText(this.#reserve, reserveMet === true ? 'Reserve met' : 'Reserve not met');
  }

  #animate(auction: Auction): void {
    const before = this.#shown;
    if (before === null) return;
    if (auction.price > before.price) {
      setText(this.#delta, `+${money(auction.price - before.price)}`);
      replay(this.element, 'bid');
    }
    if (auction.endsAtMs > before.endsAtMs && auction.extendedByMs !== null) {
      setText(this.#flash, `+${countdown(auction.extendedByMs)}`);
      replay(this.element, 'extended');
    }
  }

  #showStamp({ ending, leader }: Auction): void {
    if (ending === null) return;
    const isOwn = ending.winner?.id === this.#user.id;
    const text = isOwn ? 'You won' : ending.winner === null ? 'Unsold' : 'Sold';
    const detail =
      ending.outcome === 'reserve_not_met'
        ? 'Reserve not met'
        : ending.winner === null
          ? leader === null
            ? 'No bids'
            : 'No sale'
          : isOwn
            ? money(ending.finalPrice ?? 0)
            : `${ending.winner.name}, ${money(ending.finalPrice ?? 0)}`;
    this.#stamp.dataset['kind'] = isOwn ? 'won' : ending.winner === null ? 'unsold' : 'sold';
    this.#stamp.replaceChildren(
      html('span', { class: 'stamp-text' }, text),
      html('span', { class: 'stamp-detail' }, detail),
    );
  }
}

function phaseFor(remainingMs: number): string {
  if (remainingMs <= 0) return 'closing';
  if (remainingMs <= FINAL_MS) return 'final';
  return remainingMs <= SOFT_CLOSE_MS ? 'soft-close' : 'open';
}

/** What the auctioneer calls in the last ten seconds. */
function callFor(remainingMs: number): string {
  if (remainingMs > FINAL_MS || remainingMs <= 0) return '';
  if (remainingMs > 6000) return 'Going once';
  return remainingMs > 3000 ? 'Going twice' : 'Last call';
}
