/** What is known of a watched item on this side. */
import type { Handlers } from './handlers.ts';
import type { AuctionEnded, AuctionState, Id, WatchEvent } from './wire.ts';

export interface Watch {
  readonly itemId: Id;
  readonly handlers: Handlers<WatchEvent>;
  state: AuctionState | null;
  /** Which of all states the server has told it is; 0 before the first. */
  stateNumber: number;
  /** A state was handed out: the next one that is not continuous with it is a reset. */
  isKnown: boolean;
  request: 'due' | 'sent' | 'answered';
  /** Moves of the position when the state was taken: only a later position can recover this item. Infinity: none can. */
  joinedAtMove: number;
  /** Bids up to this count are in the state it joined with, though they may still come; 0 once a bid was retracted. */
  bidCountInState: number;
  /** Its end, told by name ahead of the bids that led to it, and the number of bids that come first. */
  heldEnd: AuctionEnded | null;
  endAfterBids: number;
}

/** A watch that the server has not been told of. */
export function newWatch(itemId: Id, handlers: Handlers<WatchEvent>): Watch {
  return {
    itemId,
    handlers,
    state: null,
    stateNumber: 0,
    isKnown: false,
    request: 'due',
    joinedAtMove: Infinity,
    bidCountInState: 0,
    heldEnd: null,
    endAfterBids: 0,
  };
}
