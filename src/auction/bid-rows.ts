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
 * Applies one bid row. A deleted bid whose image does not name its item (row image MINIMAL) gives nothing: nobody can
 * be told of it.
 */
export function translateBidChange(book: Book, change: BidChange, out: RowEvents): void {
  switch (change.kind) {
    case 'insert':
      placeBid(book, change.bidId, change.after, out);
      return;
    case 'delete': {
      const { itemId } = change.before;
      if (itemId !== undefined) {
        retractBid(book, itemId, change.bidId, out);
      }
    }
  }
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

function leads(auction: Auction, bidId: BidId, bid: BidImage): boolean {
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
  auction.leaderId = bid.bidderId;
  auction.leadingAmount = bid.amount;
  auction.leadingBidId = bidId;
}

function retractBid(book: Book, itemId: ItemId, bidId: BidId, out: RowEvents): void {
  const auction = book.use(itemId) ?? unknownAuction(book, itemId);
  takeCounted(auction, bidId);
  auction.bidCount = Math.max(0, auction.bidCount - 1);
  if (!book.schema.leaderColumn && auction.leadingBidId === bidId) {
    // Who leads now only the table knows.
    auction.leaderId = null;
    auction.leadingAmount = null;
    auction.leadingBidId = null;
    book.markStale(itemId);
  }
  out.add({
    type: 'BidRetracted',
    eventId: out.nextId(),
    itemId,
    bidId,
    currentPrice: auction.currentPrice,
  });
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
