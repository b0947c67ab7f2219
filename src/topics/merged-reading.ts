/**
 * Reading several topics of the history as one, in commit order: what both ways through it do (`way.ts`).
 */
import type { History, HistoryEvent } from './history.ts';
import type { MergedTopic, TopicMerge } from './topic-merge.ts';
import type { Piece } from './way.ts';

/** Events of one piece that are looked at, given or not: one that is not costs a hundredth of one that is. */
const LOOKED_AT_MAX = 2_048;

export interface MergedReading<Topic extends MergedTopic, Frame extends Uint8Array> {
  readonly topics: TopicMerge<Topic>;
  /** Sequence up to which everything was given. */
  readonly after: number;
  readonly piece: Piece;
  isOwed(event: HistoryEvent<Frame>, sequence: number): boolean;
  give(event: HistoryEvent<Frame>, topic: Topic): void;
  /** The sequence that follows in a topic after the one at hand; null: none. */
  nextOf(topic: Topic): number | null;
}

/** Gives one piece of what is owed. @returns how far it came, and whether all topics are at their end */
export function readMerged<Topic extends MergedTopic, Frame extends Uint8Array>(
  history: History<Frame>,
  reading: MergedReading<Topic, Frame>,
): { readonly at: number; readonly isDone: boolean } {
  const { topics, piece } = reading;
  let at = reading.after;
  let lookedAt = 0;
  let events = 0;
  let bytes = 0;
  for (let topic = topics.first; topic !== undefined; topic = topics.first) {
    const sequence = topic.next;
    // An event of two topics comes up twice, once right after the other.
    if (sequence > at) {
      const isFull = events >= piece.eventsMax || bytes >= piece.bytesMax;
      if (isFull || lookedAt === LOOKED_AT_MAX) return { at, isDone: false };
      lookedAt += 1;
      const event = history.at(sequence);
      if (event !== undefined && reading.isOwed(event, sequence)) {
        reading.give(event, topic);
        events += 1;
        bytes += event.frame.length;
      }
      at = sequence;
    }
    topics.advanceFirst(reading.nextOf(topic));
  }
  return { at, isDone: true };
}
