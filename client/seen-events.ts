/**
 * Which events were delivered, for exactly-once over a wire that may repeat. Bounded: the oldest are forgotten.
 *
 * Not everything that was delivered before is a repetition. A client that comes from one node to another that is behind it
 * (its replica lags) is given an older state of an item, and then once more the events that lead on from there. Whoever
 * follows the item needs them: he has thrown away what he had. So an event is remembered with the state it was added to.
 */

/** A replay repeats only what the connection before it had delivered near its end: far fewer than this. */
export const SEEN_EVENTS_MAX = 4_096;

/**
 * - `first`: never delivered.
 * - `anew`: delivered, but to another state of its item.
 * - `repeated`: delivered to this very state.
 */
export type Novelty = 'first' | 'anew' | 'repeated';

export class SeenEvents {
  /** Event id → number of the state it was last added to; in the order in which they were. */
  readonly #stateNumbers = new Map<string, number>();

  /**
   * Remembers an event id, `~` ones too.
   *
   * @param stateNumber which state of its item the event is added to; 0 where there is none
   */
  add(eventId: string, stateNumber = 0): Novelty {
    const known = this.#stateNumbers.get(eventId);
    if (known === stateNumber) return 'repeated';
    this.#stateNumbers.delete(eventId);
    this.#stateNumbers.set(eventId, stateNumber);
    if (this.#stateNumbers.size > SEEN_EVENTS_MAX) {
      for (const oldest of this.#stateNumbers.keys()) {
        this.#stateNumbers.delete(oldest);
        break;
      }
    }
    return known === undefined ? 'first' : 'anew';
  }

  get size(): number {
    return this.#stateNumbers.size;
  }
}
