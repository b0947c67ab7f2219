/**
 * The reserve price: whether it is met, without ever telling what it is.
 */
import type { AuctionView } from './book.ts';
import type { Money } from './ids.ts';
import { compareMoney, ZERO } from './money.ts';

type ReserveFields = Pick<AuctionView, 'reservePrice' | 'reserveMet'>;

/**
 * Whether a bid of this amount meets the reserve: the amount decides where the schema has a reserve column, the
 * reserve-met column where it has only that one.
 *
 * @returns null without a reserve
 */
export function bidMeetsReserve(auction: ReserveFields, amount: Money): boolean | null {
  if (auction.reservePrice === undefined) {
    return auction.reserveMet ?? null;
  }
  return auction.reservePrice === null ? null : compareMoney(amount, auction.reservePrice) >= 0;
}

/** As `bidMeetsReserve`, for the auction as it stands: false while nobody has bid. */
export function auctionMeetsReserve(
  auction: ReserveFields & Pick<AuctionView, 'currentPrice' | 'bidCount'>,
): boolean | null {
  if (auction.reservePrice === undefined) {
    return auction.reserveMet ?? null;
  }
  if (auction.reservePrice === null) {
    return null;
  }
  const { currentPrice } = auction;
  return (
    auction.bidCount > 0 &&
    currentPrice !== null &&
    compareMoney(currentPrice, auction.reservePrice) >= 0
  );
}

/**
 * Whether an auction that ends at this price ends below its reserve. The portal's own verdict (the reserve-met column)
 * comes first where there is a reserve and that column; a reserve of zero is always met, whatever the column says.
 */
export function endsBelowReserve(auction: ReserveFields, finalPrice: Money | null): boolean {
  const { reservePrice, reserveMet } = auction;
  if (reservePrice === undefined) {
    return reserveMet === false;
  }
  if (reservePrice === null || compareMoney(reservePrice, ZERO) <= 0) {
    return false;
  }
  if (reserveMet !== undefined && reserveMet !== null) {
    return !reserveMet;
  }
  return finalPrice === null || compareMoney(finalPrice, reservePrice) < 0;
}
