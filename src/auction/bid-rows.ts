/**
 * Changes of bid rows: what they do to the book, and the events they give.
 */
import { blankAuction, type Auction, type Book } from './book.ts';
import type { BidId, ItemId } from './ids.ts';
import { compareMoney } from './money.ts';
import { bidMeetsReserve } from './reserve.ts';
import type { BidChange, BidImage } from './row-change.ts';
import type { RowEvents } from './row-events.ts';

/**
 * Applies one bid row. A deleted or altered bid whose images do not name its item (row image MINIMAL) does nothing here:
 * whoever reads the binlog has to find the item, or to load the book again.
 */
export function translateBidChange(book: Book, change: BidChange, out: RowEvents): void {
  switch (change.kind) {
    case 'insert':
      placeBid(book, change.bidId, change.after, out);
      return;
    case 'update':
      alterBid(book, change);
      return;
    case 'delete': {
      const { itemId } = change.before;
      if (itemId !== undefined) {
        retractBid(book, itemId, change.bidId, out);
      }
    }
  }
}

/** Items whose bids a row changes, as far as its images name them: two where an update moves a bid. */
export function itemsOfBid(change: BidChange): readonly ItemId[] {
  switch (change.kind) {
    case 'insert':
      return [change.after.itemId];
    case 'update': {
      const { from, to } = placesOf(change);
      if (from === undefined) return to === undefined ? [] : [to];
      return to === undefined || to === from ? [from] : [from, to];
    }
    case 'delete':
      return change.before.itemId === undefined ? [] : [change.before.itemId];
  }
}

/** An altered bid's item before and after; undefined where the images do not say. */
export function placesOf({ before, after }: BidUpdate): {
  readonly from: ItemId | undefined;
  readonly to: ItemId | undefined;
} {
  return { from: before.itemId, to: after.itemId ?? before.itemId };
}

/**
 * Orders two bid keys as the table does: by number where both are decimal, as text otherwise. Canonical decimal text
 * of more digits is the greater number.
 */
export function compareBidIds(a: BidId, b: BidId): number {
  if (a === b) {
    return 0;
  }
  if (DECIMAL.test(a) && DECIMAL.test(b) && a.length !== b.length) {
    return a.length - b.length;
  }
  return a < b ? -1 : 1;
}

type BidUpdate = Extract<BidChange, { kind: 'update' }>;

const DECIMAL = /^(?:0|[1-9]\d*)$/;

function placeBid(book: Book, bidId: BidId, bid: BidImage, out: RowEvents): void {
  const auction = book.use(bid.itemId) ?? unknownAuction(book, bid.itemId);
  if (!takeCounted(auction, bidId)) {
    auction.bidCount += 1;
  }
  out.add({
    type: 'BidPlaced',
    eventId: out.nextId(),
    itemId: bid.itemId,
    bidId,
    bidderId: bid.bidderId,
    amount: bid.amount,
    placedAtMs: bid.placedAtMs,
    reserveMet: bidMeetsReserve(auction, bid.amount),
    bidCount: auction.bidCount,
  });
  if (!book.schema.leaderColumn && leads(auction, bidId, bid)) {
    takeLead(auction, bidId, bid, out);
  }
}

function leads(auction: Auction, bidId: BidId, bid: Pick<BidImage, 'amount'>): boolean {
  const { leadingAmount, leadingBidId } = auction;
  if (leadingAmount === null || leadingBidId === null) {
    return true;
  }
  const byAmount = compareMoney(bid.amount, leadingAmount);
  return byAmount > 0 || (byAmount === 0 && compareBidIds(bidId, leadingBidId) < 0);
}

function takeLead(auction: Auction, bidId: BidId, bid: BidImage, out: RowEvents): void {
  const { leaderId, leadingAmount } = auction;
  if (leaderId !== null && leaderId !== bid.bidderId && auction.status === 'active') {
    out.add({
      type: 'LeaderOutbid',
      eventId: out.nextId(),
      itemId: auction.itemId,
      userId: leaderId,
      newBidAmount: bid.amount,
      yourBidAmount: leadingAmount,
    });
  }
  crown(auction, bidId, bid);
}

function retractBid(book: Book, itemId: ItemId, bidId: BidId, out: RowEvents): void {
  const auction = book.use(itemId) ?? unknownAuction(book, itemId);
  takeOff(book, auction, bidId);
  out.add({
    type: 'BidRetracted',
    eventId: out.nextId(),
    itemId,
    bidId,
    currentPrice: auction.currentPrice,
  });
}

/**
 * An altered bid tells nobody anything, but counts and the leader must be what they are in the table. An item that is not
 * in the book is left out of it: its entry is read when it is needed.
 */
function alterBid(book: Book, change: BidUpdate): void {
  const { bidId, before, after } = change;
  const { from, to } = placesOf(change);
  if (to === undefined) return;
  const isMoved = from !== to;
  const left = from === undefined || !isMoved ? undefined : book.use(from);
  if (left !== undefined) takeOff(book, left, bidId);
  const auction = book.use(to);
  if (auction === undefined) return;
  if (isMoved && !takeCounted(auction, bidId)) auction.bidCount += 1;
  if (book.schema.leaderColumn || book.needsReload.has(to)) return;
  const { bidderId, amount } = { ...before, ...after };
  const { leadingAmount } = auction;
  if (bidderId === undefined || amount === undefined) {
    // Row image MINIMAL: half a bid cannot be weighed.
    book.dethrone(auction);
  } else if (auction.leadingBidId !== bidId) {
    if (leads(auction, bidId, { amount })) crown(auction, bidId, { bidderId, amount });
  } else if (leadingAmount !== null && compareMoney(amount, leadingAmount) < 0) {
    book.dethrone(auction);
  } else {
    crown(auction, bidId, { bidderId, amount });
  }
}

function takeOff(book: Book, auction: Auction, bidId: BidId): void {
  takeCounted(auction, bidId);
  auction.bidCount = Math.max(0, auction.bidCount - 1);
  if (!book.schema.leaderColumn && auction.leadingBidId === bidId) book.dethrone(auction);
}

function crown(auction: Auction, bidId: BidId, bid: Pick<BidImage, 'bidderId' | 'amount'>): void {
  auction.leaderId = bid.bidderId;
  auction.leadingAmount = bid.amount;
  auction.leadingBidId = bidId;
}

/** Strikes a bid from those counted ahead of the stream; true if it was one of them. */
function takeCounted(auction: Auction, bidId: BidId): boolean {
  const { countedBids } = auction;
  if (countedBids?.delete(bidId) !== true) {
    return false;
  }
  if (countedBids.size === 0) {
    auction.countedBids = null;
  }
  return true;
}

/**
 * Stands in for an item that even the table does not have: it was deleted between this row and now, and its delete is
 * still to come. Its bids are told all the same.
 */
function unknownAuction(book: Book, itemId: ItemId): Auction {
  const auction = blankAuction(book.schema, itemId, 'cancelled');
  book.refile(auction);
  return auction;
}
