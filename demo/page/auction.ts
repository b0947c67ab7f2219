/**
 * One auction as the page knows it, and how each server message changes it. Pure: state and message in, state out.
 */
import type { Listing, Person, PricePoint } from './listing.ts';
import type { ServerMessage } from './wire.ts';

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

/** The auction before the first server message: what the portal's page would have rendered. */
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
 * The auction after a message about it; the same object when the message changes nothing.
 *
 * @param nowMs server time, which becomes the time of a bid's point in the chart
 */
export function after(
  auction: Auction,
  message: ServerMessage,
  { nowMs, user }: { readonly nowMs: number; readonly user: Person },
): Auction {
  switch (message.type) {
    case 'subscribed':
      return afterState(auction, message.state);
    case 'bid_update':
      return afterBid(auction, message, { nowMs, user });
    case 'auction_extended':
    case 'auction_rescheduled':
      return {
        ...auction,
        endsAtMs: message.endTimeMs,
        extendedByMs: message.endTimeMs - auction.endsAtMs,
      };
    case 'auction_ended':
      return { ...auction, ending: endingOf(message), price: message.finalPrice ?? auction.price };
    case 'outbid':
      return { ...auction, price: Math.max(auction.price, message.newBidAmount) };
    case 'hello':
    case 'pong':
    case 'degraded':
    case 'restored':
    case 'reconnect':
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

type Subscribed = Extract<ServerMessage, { type: 'subscribed' }>;
type BidUpdate = Extract<ServerMessage, { type: 'bid_update' }>;
type Ended = Extract<ServerMessage, { type: 'auction_ended' }>;

function afterState(auction: Auction, state: Subscribed['state']): Auction {
  const leaderId = state.highestBidderId;
  const known = auction.points.find((point) => point.bidder.id === leaderId)?.bidder;
  const leader = leaderId === null ? null : (known ?? { id: leaderId, name: `Bidder ${leaderId}` });
  const isOver = state.status !== 'active' && auction.ending === null;
  return {
    ...auction,
    price: state.currentPrice ?? auction.price,
    bidCount: state.bidCount,
    leader,
    reserveMet: state.reserveMet,
    endsAtMs: state.endTimeMs ?? auction.endsAtMs,
    ending: isOver
      ? { outcome: state.status, finalPrice: state.currentPrice, winner: leader }
      : auction.ending,
  };
}

function afterBid(
  auction: Auction,
  bid: BidUpdate,
  { nowMs, user }: { readonly nowMs: number; readonly user: Person },
): Auction {
  const bidder = { id: bid.bidderId, name: bid.bidderName };
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

function endingOf(message: Ended): Ending {
  const { outcome, finalPrice, winnerId, winnerName } = message;
  const winner =
    winnerId === null ? null : { id: winnerId, name: winnerName ?? `Bidder ${winnerId}` };
  return { outcome, finalPrice, winner };
}
