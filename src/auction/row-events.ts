/**
 * Collects the events of row changes, giving each its id: one counter a row.
 */
import type { DomainEvent } from './domain-event.ts';
import { eventIdAt, eventIdStem, type EventIdStem } from './event-id.ts';
import type { EventId } from './ids.ts';
import type { RowChange } from './row-change.ts';

export class RowEvents {
  readonly #stem: EventIdStem;
  readonly #events: DomainEvent[] = [];
  #index = 0;
  #timestampMs = 0;
  #ordinal = 0;

  constructor(transactionId: string) {
    this.#stem = eventIdStem(transactionId);
  }

  get events(): readonly DomainEvent[] {
    return this.#events;
  }

  /** Turns to the next row: ordinals start again at 0. */
  startRow(change: RowChange): void {
    this.#index = change.index;
    this.#timestampMs = change.timestampMs;
    this.#ordinal = 0;
  }

  /** The id of the row's next event. */
  nextId(): EventId {
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    return eventIdAt(this.#stem, {
      index: this.#index,
      ordinal,
      timestampMs: this.#timestampMs,
    });
  }

  add(event: DomainEvent): void {
    this.#events.push(event);
  }
}
