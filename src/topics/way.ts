/**
 * One client's way from a place in the history to its end, in commit order: a cursor, no queue.
 *
 * While it lasts nothing that enters the history is sent to the client directly; the cursor comes to it in its turn. So
 * the order holds however long the way is, and in how many pieces it is gone. There are two: one who comes back gets all
 * he missed (`catch-up.ts`), one who is slow gets what matters now (`conflated-way.ts`).
 */
import type { UserId } from '../auction/ids.ts';
import type { Coverage } from './coverage.ts';
import type { HistoryEvent } from './history.ts';

/** Whose way it is. What is watched may change under way, by what is joined at the newest event. */
export interface Follower {
  readonly userId: UserId | null;
  readonly isV2: boolean;
  readonly coverage: Coverage;
}

/** How far to go in one piece, by what is given; of events that were sent already a piece may consist entirely. */
export interface Piece {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** `done`: at the end of the history. `lost`: events in between have left the history, so there is no way on. */
export type Progress = 'more' | 'done' | 'lost';

/** Takes one event; it stands for `skipped` earlier ones as well. */
export type Give<Frame extends Uint8Array> = (event: HistoryEvent<Frame>, skipped: number) => void;

export interface Way<Frame extends Uint8Array = Uint8Array> {
  /** Sequence up to which everything was given. */
  readonly at: number;
  /** Bytes known to lie ahead of events that must be delivered. */
  readonly owedBytes: number;
  /** True when there is nothing left to give. */
  isAtEnd(): boolean;
  /** True when the next event may have left the history. */
  isLost(): boolean;
  /** Gives the next piece of what is owed, in commit order. */
  read(piece: Piece, give: Give<Frame>): Progress;
}
