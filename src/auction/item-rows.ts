/**
 * Changes of item rows: what they do to the book, and the events they give.
 *
 * Events of one row come in this order: `LeaderOutbid`, `EndTimeMoved`, then `AuctionStarted` or `AuctionEnded`: what
 * happened in the auction comes before what became of it.
 */
import { blankAuction, type Auction, type Book, type BookSchema } from './book.ts';
import type { AuctionEnded, Outcome } from './domain-event.ts';
import type { ItemId, Money, UserId } from './ids.ts';
import { endsBelowReserve } from './reserve.ts';
import type { ItemChange, ItemImage } from './row-change.ts';
import type { RowEvents } from './row-events.ts';

/** Applies one item row. */
export function translateItemChange(book: Book, change: ItemChange, out: RowEvents): void {
  switch (change.kind) {
    case 'insert':
      insertItem(book, change.itemId, change.after, out);
      return;
    case 'update':
      updateItem(book, change, out);
      return;
    case 'delete':
      deleteItem(book, change.itemId, change.before, out);
  }
}

/**
 * Whether an insert says all the book keeps. Under row image MINIMAL it holds only the columns the statement named;
 * the others have defaults that only the table knows.
 */
export function definesItem(schema: BookSchema, image: ItemImage): boolean {
  return (
    image.status !== undefined &&
    image.currentPrice !== undefined &&
    image.endTimeMs !== undefined &&
    (!schema.leaderColumn || image.highestBidderId !== undefined) &&
    (schema.sellerColumn !== true || image.sellerId !== undefined) &&
    (schema.reserveColumn !== true || image.reservePrice !== undefined) &&
    (schema.reserveMetColumn !== true || image.reserveMet !== undefined)
  );
}

/** Whether a row concerns neither a live auction nor one that becomes live: nothing to tell, nothing to keep. */
export function isAside(before: ItemImage, after: ItemImage): boolean {
  return (
    before.status !== undefined &&
    before.status !== 'active' &&
    after.status !== undefined &&
    after.status !== 'active'
  );
}

function insertItem(book: Book, itemId: ItemId, image: ItemImage, out: RowEvents): void {
  // An entry that is there already was read from the table ahead of the stream; its bid count already holds bids that
  // are still to come, so it is kept.
  const auction = book.use(itemId) ?? blankAuction(book.schema, itemId, 'upcoming');
  applyImage(book.schema, auction, image);
  book.refile(auction);
  if (!definesItem(book.schema, image)) {
    book.markStale(itemId);
  }
  if (auction.status === 'active') {
    started(auction, out);
  }
}

function updateItem(
  book: Book,
  change: Extract<ItemChange, { kind: 'update' }>,
  out: RowEvents,
): void {
  const { itemId, before, after } = change;
  let auction = book.use(itemId);
  if (auction === undefined) {
    if (isAside(before, after)) {
      return;
    }
    auction = blankAuction(book.schema, itemId, 'cancelled');
  }
  applyImage(book.schema, auction, before);
  const was: Readonly<Auction> = { ...auction };
  applyImage(book.schema, auction, after);
  if (auction.status !== was.status || auction.endTimeMs !== was.endTimeMs || !book.has(itemId)) {
    book.refile(auction);
  }
  if (was.status === 'active') {
    outbid(was, auction, out);
    if (auction.status === 'active') {
      endTimeMoved(was, auction, out);
    } else if (auction.status !== 'upcoming') {
      out.add(endOf(auction, auction.status, out));
    }
  } else if (auction.status === 'active') {
    started(auction, out);
  }
}

function deleteItem(book: Book, itemId: ItemId, before: ItemImage, out: RowEvents): void {
  const auction = book.get(itemId);
  const status = before.status ?? auction?.status;
  if (status === 'active') {
    out.add({
      type: 'AuctionEnded',
      eventId: out.nextId(),
      itemId,
      outcome: 'cancelled',
      finalPrice: null,
      winnerId: null,
      sellerId: said(before.sellerId, auction?.sellerId ?? null),
    });
  }
  book.delete(itemId);
}

function outbid(was: Readonly<Auction>, now: Auction, out: RowEvents): void {
  const newBidAmount = now.currentPrice ?? was.currentPrice;
  if (
    was.leaderId === null ||
    now.leaderId === null ||
    was.leaderId === now.leaderId ||
    newBidAmount === null
  ) {
    return;
  }
  out.add({
    type: 'LeaderOutbid',
    eventId: out.nextId(),
    itemId: now.itemId,
    userId: was.leaderId,
    newBidAmount,
    yourBidAmount: was.currentPrice,
  });
}

/** No end time is later than any: one that appears moved earlier, one that disappears has no time to tell. */
function endTimeMoved(was: Readonly<Auction>, now: Auction, out: RowEvents): void {
  if (now.endTimeMs === null || now.endTimeMs === was.endTimeMs) {
    return;
  }
  out.add({
    type: 'EndTimeMoved',
    eventId: out.nextId(),
    itemId: now.itemId,
    direction: was.endTimeMs !== null && now.endTimeMs > was.endTimeMs ? 'later' : 'earlier',
    endTimeMs: now.endTimeMs,
  });
}

function started(auction: Auction, out: RowEvents): void {
  out.add({
    type: 'AuctionStarted',
    eventId: out.nextId(),
    itemId: auction.itemId,
    endTimeMs: auction.endTimeMs,
    currentPrice: auction.currentPrice,
  });
}

function endOf(
  auction: Auction,
  status: 'sold' | 'unsold' | 'cancelled',
  out: RowEvents,
): AuctionEnded {
  const { itemId, sellerId } = auction;
  const base = { type: 'AuctionEnded', eventId: out.nextId(), itemId, sellerId } as const;
  const finalPrice = auction.currentPrice ?? auction.leadingAmount;
  const outcome = outcomeOf(auction, status, finalPrice);
  switch (outcome) {
    case 'cancelled':
      return { ...base, outcome, finalPrice: null, winnerId: null };
    case 'unsold':
      return {
        ...base,
        outcome,
        finalPrice: auction.leaderId === null ? null : finalPrice,
        winnerId: null,
      };
    case 'reserve_not_met':
      return { ...base, outcome, finalPrice, winnerId: null };
    case 'sold':
      return { ...base, outcome, finalPrice, winnerId: auction.leaderId };
  }
}

/**
 * What the end means. The database's word decides between sold and unsold where someone leads and the reserve does not
 * stand in the way: to tell a bidder he won what the database calls expired would be worse than the reverse.
 */
function outcomeOf(
  auction: Auction,
  status: 'sold' | 'unsold' | 'cancelled',
  finalPrice: Money | null,
): Outcome {
  if (status === 'cancelled') {
    return 'cancelled';
  }
  if (auction.leaderId === null) {
    return 'unsold';
  }
  return endsBelowReserve(auction, finalPrice) ? 'reserve_not_met' : status;
}

/** Takes over what the image says; where it is silent the entry stands. */
export function applyImage(schema: BookSchema, auction: Auction, image: ItemImage): void {
  auction.status = image.status ?? auction.status;
  auction.currentPrice = said(image.currentPrice, auction.currentPrice);
  auction.endTimeMs = said(image.endTimeMs, auction.endTimeMs);
  auction.sellerId = said(image.sellerId, auction.sellerId);
  if (schema.leaderColumn) {
    auction.leaderId = said<UserId | null>(image.highestBidderId, auction.leaderId);
  }
  auction.reservePrice = said(image.reservePrice, auction.reservePrice);
  auction.reserveMet = said(image.reserveMet, auction.reserveMet);
}

function said<T>(value: T | undefined, otherwise: T): T {
  return value === undefined ? otherwise : value;
}
