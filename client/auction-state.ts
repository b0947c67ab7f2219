/** An auction's state carried forward by its events, so that late handlers and countdowns need not ask the server. */
import type { AuctionEvent, AuctionState } from './wire.ts';

/** The state after an event. Pure; gives back `state` itself when nothing changed. */
export function applyEvent(state: AuctionState, event: AuctionEvent): AuctionState {
  switch (event.type) {
    case 'bid_update': {
      // Bids of automatic bidders may be lower than the price: they count, but do not lead.
      const leads =
        state.highestBidderId === null ||
        state.currentPrice === null ||
        event.bidAmount > state.currentPrice;
      return {
        ...state,
        bidCount: event.bidCount,
        reserveMet: event.reserveMet,
        ...(leads && { currentPrice: event.bidAmount, highestBidderId: event.bidderId }),
      };
    }
    case 'auction_ending':
      return event.endTime === state.endTime ? state : { ...state, endTime: event.endTime };
    case 'auction_extended':
    case 'auction_rescheduled':
      return { ...state, endTime: event.newEndTime };
    case 'auction_started':
      return {
        ...state,
        status: 'active',
        endTime: event.endTime,
        currentPrice: event.currentPrice,
      };
    case 'auction_ended':
      return {
        ...state,
        status: event.outcome === 'reserve_not_met' ? 'unsold' : event.outcome,
        currentPrice: event.finalPrice ?? state.currentPrice,
        highestBidderId: event.winnerId ?? state.highestBidderId,
      };
    case 'bid_retracted':
      return { ...state, currentPrice: event.currentPrice };
    case 'outbid':
      return state;
  }
}
