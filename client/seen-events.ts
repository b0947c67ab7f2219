/** Which events were delivered, for exactly-once over a wire that may repeat. Bounded: the oldest are forgotten. */

/** A replay repeats only what the connection before it had delivered near its end: far fewer than this. */
export const SEEN_EVENTS_MAX = 4_096;

export class SeenEvents {
  readonly #ids = new Set<string>();

  /** Remembers an event id, `~` ones too; false when it was seen before. */
  add(eventId: string): boolean {
    if (this.#ids.has(eventId)) return false;
    this.#ids.add(eventId);
    if (this.#ids.size > SEEN_EVENTS_MAX) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }

  get size(): number {
    return this.#ids.size;
  }
}
