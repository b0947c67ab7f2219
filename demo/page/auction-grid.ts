/**
 * The grid of cards. An auction that is over stays for a while with its stamp; then a new one takes its place, so that
 * nothing else on the page moves.
 */
import type { Auction } from './auction.ts';
import { Card, type CardOptions } from './card.ts';

const STAMP_SHOWN_MS = 12_000;

export class AuctionGrid {
  readonly #list: HTMLElement;
  readonly #options: CardOptions;
  readonly #cards = new Map<number, Card>();
  readonly #endedAt = new Map<number, number>();
  readonly #waiting: Auction[] = [];

  constructor(list: HTMLElement, options: CardOptions) {
    this.#list = list;
    this.#options = options;
  }

  /** Adds the first auctions, or lines up later ones for the next place that is free. */
  add(auction: Auction, nowMs: number): void {
    if (this.#endedAt.size > 0) {
      this.#waiting.push(auction);
      return;
    }
    const card = this.#build(auction, nowMs);
    this.#list.append(card.element);
  }

  show(auction: Auction, nowMs: number): void {
    const { itemId } = auction.listing;
    const waiting = this.#waiting.findIndex(({ listing }) => listing.itemId === itemId);
    if (waiting >= 0) this.#waiting[waiting] = auction;
    const card = this.#cards.get(itemId);
    if (card === undefined) return;
    card.show(auction);
    card.tick(nowMs);
    if (auction.ending !== null && !this.#endedAt.has(itemId)) this.#endedAt.set(itemId, nowMs);
  }

  /**
   * Moves countdowns, and replaces cards whose stamp was seen long enough.
   *
   * @returns the items that left the page
   */
  tick(nowMs: number): readonly number[] {
    for (const card of this.#cards.values()) card.tick(nowMs);
    const gone: number[] = [];
    for (const [itemId, endedAt] of this.#endedAt) {
      const next = this.#waiting[0];
      if (nowMs - endedAt < STAMP_SHOWN_MS || next === undefined) continue;
      this.#waiting.shift();
      this.#endedAt.delete(itemId);
      const card = this.#build(next, nowMs);
      card.element.classList.add('arriving');
      this.#cards.get(itemId)?.element.replaceWith(card.element);
      this.#cards.delete(itemId);
      gone.push(itemId);
    }
    return gone;
  }

  #build(auction: Auction, nowMs: number): Card {
    const card = new Card(auction.listing, this.#options);
    this.#cards.set(auction.listing.itemId, card);
    card.show(auction);
    card.tick(nowMs);
    return card;
  }
}
