/**
 * One auction as the page knows it, and how each event of the client changes it. Pure: state and event in, state out.
 */
import type { AuctionEnded, AuctionState, BidUpdate, Id, WatchEvent } from '../../client/index.ts';
import type { Listing, Person, PricePoint } from './listing.ts';

export interface Ending {
  /** `sold`, `unsold`, `reserve_not_met` or `cancelled`. */
  readonly outcome: string;
  readonly finalPrice: number | null;
  readonly winner: Person | null;
}

export interface Auction {
  readonly listing: Listing;
  readonly price: number;
  readonly bidCount: number;
  readonly leader: Person | null;
  /** Null: the item has no reserve. */
  readonly reserveMet: boolean | null;
  readonly endsAtMs: number;
  /** How far the last extension moved the end; null while there was none. */
  readonly extendedByMs: number | null;
  readonly points: readonly PricePoint[];
  readonly ending: Ending | null;
  /** The visitor's highest bid. */
  readonly ownBid: number | null;
}

const POINTS_MAX = 240;

/** The auction before the first event: what the portal's page would have rendered. */
export function fromListing(listing: Listing, user: Person): Auction {
  const last = listing.bids.at(-1);
  const own = listing.bids.filter((point) => point.bidder.id === user.id).at(-1);
  return {
    listing,
    price: last?.amount ?? listing.startingPrice,
    bidCount: listing.bids.length,
    leader: last?.bidder ?? null,
    reserveMet: null,
    endsAtMs: listing.endsAtMs,
    extendedByMs: null,
    points: listing.bids,
    ending: null,
    ownBid: own?.amount ?? null,
  };
}

/**
 * The auction after an event of it; the same object when the event changes nothing.
 *
 * @param nowMs server time, which becomes the time of a bid's point in the chart
 */
export function after(
  auction: Auction,
  event: WatchEvent,
  { nowMs, user }: { readonly nowMs: number; readonly user: Person },
): Auction {
  switch (event.type) {
    case 'state':
      return afterState(auction, event.state);
    case 'bid_update':
      return afterBid(auction, event, { nowMs, user });
    case 'auction_extended':
    case 'auction_rescheduled':
      return afterMove(auction, Date.parse(event.newEndTime));
    case 'auction_ended':
      return { ...auction, ending: endingOf(event), price: event.finalPrice ?? auction.price };
    case 'outbid':
      return { ...auction, price: Math.max(auction.price, event.newBidAmount) };
    case 'auction_ending': // the page counts by itself
    case 'auction_started': // and shows only what has started;
    case 'bid_retracted': // nobody takes bids back here
    case 'watchers':
    case 'error':
      return auction;
  }
}

/** Where the visitor stands. */
export function standing(
  auction: Auction,
  user: Person,
): 'none' | 'leading' | 'outbid' | 'won' | 'lost' {
  if (auction.ending?.winner?.id === user.id) return 'won';
  if (auction.ownBid === null) return 'none';
  if (auction.ending !== null) return 'lost';
  return auction.leader?.id === user.id ? 'leading' : 'outbid';
}

function afterState(auction: Auction, state: AuctionState): Auction {
  const { highestBidderId, endTime } = state;
  const isLeader = ({ bidder }: PricePoint): boolean => bidder.id === highestBidderId;
  const known = auction.points.find(isLeader)?.bidder;
  const leader = highestBidderId === null ? null : (known ?? personOf(highestBidderId, null));
  const isOver = state.status !== 'active' && auction.ending === null;
  return {
    ...auction,
    price: state.currentPrice ?? auction.price,
    bidCount: state.bidCount,
    leader,
    reserveMet: state.reserveMet,
    endsAtMs: endTime === null ? auction.endsAtMs : Date.parse(endTime),
    ending: isOver
      ? { outcome: state.status, finalPrice: state.currentPrice, winner: leader }
      : auction.ending,
  };
}

function afterMove(auction: Auction, endsAtMs: number): Auction {
  return { ...auction, endsAtMs, extendedByMs: endsAtMs - auction.endsAtMs };
}

function afterBid(
  auction: Auction,
  bid: BidUpdate,
  { nowMs, user }: { readonly nowMs: number; readonly user: Person },
): Auction {
  const bidder = personOf(bid.bidderId, bid.bidderName);
  const isHigher = bid.bidAmount >= auction.price;
  const point = { atMs: nowMs, amount: bid.bidAmount, bidder };
  return {
    ...auction,
    price: isHigher ? bid.bidAmount : auction.price,
    leader: isHigher ? bidder : auction.leader,
    bidCount: Math.max(bid.bidCount, auction.bidCount),
    reserveMet: bid.reserveMet,
    points: [...auction.points, point].slice(-POINTS_MAX),
    ownBid:
      bid.bidderId === user.id ? Math.max(bid.bidAmount, auction.ownBid ?? 0) : auction.ownBid,
  };
}

function endingOf({ outcome, finalPrice, winnerId, winnerName }: AuctionEnded): Ending {
  return { outcome, finalPrice, winner: winnerId === null ? null : personOf(winnerId, winnerName) };
}

/** Somebody as the page shows him. Ids of the demo are numbers; of a greater portal they may be text. */
export function personOf(id: Id, name: string | null): Person {
  return { id: Number(id), name: name ?? `Bidder ${id}` };
}
