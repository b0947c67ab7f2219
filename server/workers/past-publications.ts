/**
 * What was published last, kept for workers that start later: as much as their histories hold, and the one event before,
 * so that whoever has seen that one is known to have missed nothing.
 */
import type { HistoryBounds } from '../../src/topics/history.ts';
import type { Publication } from '../publication.ts';

interface Kept {
  readonly publication: Publication;
  readonly bytes: number;
}

/** Entries let go of before the room they took is given back. */
const GAP_MAX = 1024;

export class PastPublications {
  readonly #bounds: HistoryBounds;
  #kept: Kept[] = [];
  /** Entries at the front that are let go of already. */
  #gap = 0;
  /** Sequence of the first entry of `#kept`, gap included; sequences begin with 1 and are never used again. */
  #first = 1;
  #events = 0;
  #bytes = 0;

  constructor(bounds: HistoryBounds) {
    this.#bounds = bounds;
  }

  /** Sequence of the newest publication; 0 before the first. */
  get newest(): number {
    return this.#first + this.#kept.length - 1;
  }

  /** Events held. */
  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in what can be replayed of a publication. */
  append(published: Publication): void {
    const events = published.events.filter((event) => 'json' in event && !event.ephemeral);
    if (events.length === 0) return;
    let bytes = 0;
    for (const event of events) if ('json' in event) bytes += event.json.length;
    this.#kept.push({ publication: { ...published, events, replay: true }, bytes });
    this.#events += events.length;
    this.#bytes += bytes;
    this.expire(published.nowMs);
  }

  /** Lets go of what no history would hold any more. */
  expire(nowMs: number): void {
    const { eventsMax, bytesMax, ageMaxMs } = this.#bounds;
    for (;;) {
      const oldest = this.#kept[this.#gap];
      const second = this.#kept[this.#gap + 1];
      if (oldest === undefined || second === undefined) break;
      const isSpare =
        this.#events - oldest.publication.events.length > eventsMax ||
        this.#bytes - oldest.bytes > bytesMax ||
        ageOf(second.publication, nowMs) > ageMaxMs;
      if (!isSpare) break;
      this.#events -= oldest.publication.events.length;
      this.#bytes -= oldest.bytes;
      this.#gap += 1;
    }
    if (this.#gap <= GAP_MAX) return;
    this.#kept = this.#kept.slice(this.#gap);
    this.#first += this.#gap;
    this.#gap = 0;
  }

  clear(): void {
    this.#first = this.newest + 1;
    this.#kept = [];
    this.#gap = 0;
    this.#events = 0;
    this.#bytes = 0;
  }

  /** The next publications after a sequence, oldest first, and the sequence to go on after. */
  after(
    sequence: number,
    countMax: number,
  ): { readonly publications: readonly Publication[]; readonly next: number } {
    const from = Math.max(sequence + 1 - this.#first, this.#gap);
    const publications = this.#kept.slice(from, from + countMax).map((kept) => kept.publication);
    return { publications, next: this.#first + from + publications.length - 1 };
  }
}

function ageOf({ committedAtMs, nowMs: publishedAtMs }: Publication, nowMs: number): number {
  return nowMs - (committedAtMs ?? publishedAtMs);
}
