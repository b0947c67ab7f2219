/** The two lists beside the auctions: the visitor's own bids, and every bid as it comes in. */
import { artOf } from './art.ts';
import { standing, type Auction } from './auction.ts';
import { avatar, byline } from './avatar.ts';
import { html } from './dom.ts';
import { money } from './format.ts';
import type { Person } from './listing.ts';

const TICKER_MAX = 14;

const STANDING_WORDS = {
  none: '',
  leading: 'Leading',
  outbid: 'Outbid',
  won: 'Won',
  lost: 'Lost',
} as const;

/** Puts a new bid on top of the ticker. */
export function tick(
  list: HTMLElement,
  bid: {
    readonly bidder: Person;
    readonly amount: number;
    readonly title: string;
    readonly isOwn: boolean;
  },
): void {
  list.prepend(
    html(
      'li',
      { class: bid.isOwn ? 'tick own' : 'tick' },
      avatar(bid.bidder, bid.isOwn),
      html(
        'span',
        { class: 'tick-text' },
        html('span', { class: 'tick-name' }, bid.isOwn ? 'You' : bid.bidder.name),
        html('span', { class: 'tick-title' }, bid.title),
      ),
      html('span', { class: 'amount-figure' }, money(bid.amount)),
    ),
  );
  while (list.childElementCount > TICKER_MAX) list.lastElementChild?.remove();
}

/** Lists the auctions the visitor has bid in, newest first, or a line that says how to begin. */
export function showOwnBids(
  list: HTMLElement,
  auctions: readonly Auction[],
  { user, onOpen }: { readonly user: Person; readonly onOpen: (itemId: number) => void },
): void {
  if (auctions.length === 0) {
    list.replaceChildren(
      html(
        'li',
        { class: 'empty' },
        'Bid on anything: your bid is a row in the database, and comes back as an event.',
      ),
    );
    return;
  }
  list.replaceChildren(...auctions.map((auction) => ownBid(auction, { user, onOpen })));
}

function ownBid(
  auction: Auction,
  { user, onOpen }: { readonly user: Person; readonly onOpen: (itemId: number) => void },
): HTMLElement {
  const where = standing(auction, user);
  const open = html(
    'button',
    { type: 'button', class: 'own-bid' },
    html('span', { class: 'own-bid-art' }, artOf(auction.listing.art)),
    html(
      'span',
      { class: 'own-bid-text' },
      html('span', { class: 'own-bid-title' }, auction.listing.title),
      html(
        'span',
        { class: 'own-bid-amounts' },
        `You ${money(auction.ownBid ?? 0)}, now ${money(auction.price)}`,
      ),
    ),
    html('span', { class: 'badge', 'data-standing': where }, STANDING_WORDS[where]),
  );
  open.addEventListener('click', () => {
    onOpen(auction.listing.itemId);
  });
  return html('li', {}, open);
}

/** The visitor's name and disc, for the head of the page. */
export function showVisitor(target: HTMLElement, user: Person): void {
  target.replaceChildren(byline(user, false));
  target.title = `You bid as ${user.name}`;
}
