/** The detail view: one auction large, in a native dialog (Escape, focus and backdrop come with it). */
import { artOf } from './art.ts';
import type { Auction } from './auction.ts';
import { byline } from './avatar.ts';
import { BidControls, type PlaceBid } from './bid-controls.ts';
import { drawDetailChart } from './chart.ts';
import { html, setText, svg } from './dom.ts';
import { age, countdown, money } from './format.ts';
import { Odometer } from './odometer.ts';
import type { Person } from './listing.ts';

const HISTORY_SHOWN = 30;

export class DetailView {
  readonly element = html('dialog', { class: 'detail', 'aria-labelledby': 'detail-title' });
  readonly #user: Person;
  readonly #title = html('h2', { id: 'detail-title' });
  readonly #seller = html('p', { class: 'seller' });
  readonly #art = html('div', { class: 'detail-art' });
  readonly #price = new Odometer();
  readonly #clock = html('span');
  readonly #bidCount = html('span');
  readonly #leader = html('span');
  readonly #chart = svg('svg', {
    class: 'detail-chart',
    viewBox: '0 0 640 260',
    role: 'img',
    'aria-label': 'Price over time',
  });
  readonly #history = html('ol', { class: 'history' });
  readonly #controls: BidControls;
  #itemId: number | null = null;
  #historyLength = -1;

  constructor({ user, placeBid }: { readonly user: Person; readonly placeBid: PlaceBid }) {
    this.#user = user;
    this.#controls = new BidControls(placeBid);
    const close = html(
      'button',
      { type: 'button', class: 'icon-button close', 'aria-label': 'Close' },
      '×',
    );
    close.addEventListener('click', () => {
      this.element.close();
    });
    this.element.addEventListener('click', ({ target }) => {
      if (target === this.element) this.element.close();
    });
    this.element.addEventListener('close', () => {
      this.#itemId = null;
    });
    this.element.append(
      html(
        'div',
        { class: 'detail-inner' },
        html('header', {}, this.#art, html('div', {}, this.#title, this.#seller), close),
        html(
          'div',
          { class: 'detail-figures' },
          figure('Current price', this.#price.element),
          figure('Time left', this.#clock),
          figure('Bids', this.#bidCount),
          figure('Leader', this.#leader),
        ),
        this.#chart,
        html(
          'div',
          { class: 'detail-columns' },
          this.#controls.element,
          html('section', { class: 'detail-history' }, html('h3', {}, 'Bids'), this.#history),
        ),
      ),
    );
  }

  open(auction: Auction, nowMs: number): void {
    const { listing } = auction;
    this.#itemId = listing.itemId;
    this.#historyLength = -1;
    setText(this.#title, listing.title);
    setText(this.#seller, `Lot ${listing.lot}, from ${listing.seller}`);
    this.#art.replaceChildren(artOf(listing.art));
    this.element.showModal();
    this.show(auction, nowMs);
  }

  /** Shows the newest state, if this is the auction that is open. */
  show(auction: Auction, nowMs: number): void {
    const { listing, points, ending } = auction;
    if (listing.itemId !== this.#itemId) return;
    this.#price.show(money(auction.price));
    setText(this.#clock, ending === null ? countdown(auction.endsAtMs - nowMs) : 'ended');
    setText(this.#bidCount, String(auction.bidCount));
    drawDetailChart(this.#chart, points, {
      fromMs: listing.openedAtMs,
      toMs: nowMs,
      startPrice: listing.startingPrice,
      userId: this.#user.id,
    });
    this.#controls.show({
      itemId: listing.itemId,
      title: listing.title,
      price: auction.price,
      isOpen: ending === null,
    });
    if (points.length !== this.#historyLength) this.#showHistory(auction, nowMs);
    this.#historyLength = points.length;
  }

  /** The auction on show; null while the view is closed. */
  get itemId(): number | null {
    return this.#itemId;
  }

  #showHistory({ points, leader }: Auction, nowMs: number): void {
    this.#leader.replaceChildren(
      leader === null ? '–' : byline(leader, leader.id === this.#user.id),
    );
    const newest = points.slice(-HISTORY_SHOWN).toReversed();
    this.#history.replaceChildren(
      ...newest.map(({ bidder, amount, atMs }) =>
        html(
          'li',
          {},
          byline(bidder, bidder.id === this.#user.id),
          html('span', { class: 'amount-figure' }, money(amount)),
          html('span', { class: 'age' }, age(nowMs - atMs)),
        ),
      ),
    );
  }
}

function figure(label: string, value: HTMLElement): HTMLElement {
  return html('div', { class: 'figure' }, html('span', { class: 'figure-label' }, label), value);
}
