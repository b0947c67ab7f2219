/**
 * For each topic the sequences of its events that are held, in order: what makes a replay cost what it replays.
 *
 * A list is taken from at its front (eviction) and added to at its end. The front is an index that moves, and the array
 * is cut when half of it is past, so both cost a constant on average.
 */
interface SequenceList {
  sequences: number[];
  /** Place of the oldest sequence still held. */
  front: number;
}

/** The last sequence of a topic past some place, and how many of the topic's come before it from there on. */
export interface Newest {
  readonly sequence: number;
  readonly before: number;
}

/** Pasts shorter than this are not worth cutting. */
const CUT_MIN = 32;

export class SequenceLists<Key> {
  readonly #lists = new Map<Key, SequenceList>();

  /** Topics with an event held. */
  get size(): number {
    return this.#lists.size;
  }

  /** `sequence` must be greater than any appended before. */
  append(key: Key, sequence: number): void {
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, { sequences: [sequence], front: 0 });
    else list.sequences.push(sequence);
  }

  /** Takes the oldest sequence off a topic that has one. */
  dropOldest(key: Key): void {
    const list = this.#lists.get(key);
    if (list === undefined) return;
    list.front += 1;
    if (list.front === list.sequences.length) {
      this.#lists.delete(key);
    } else if (list.front >= CUT_MIN && list.front * 2 >= list.sequences.length) {
      list.sequences = list.sequences.slice(list.front);
      list.front = 0;
    }
  }

  /** The first sequence of a topic after `after`; null when there is none. Logarithmic in the length of the topic. */
  next(key: Key, after: number): number | null {
    const list = this.#lists.get(key);
    return list === undefined ? null : (list.sequences[placeAfter(list, after)] ?? null);
  }

  /** The last sequence of a topic, if it is after `after`; else null. Logarithmic in the length of the topic. */
  newest(key: Key, after: number): Newest | null {
    const list = this.#lists.get(key);
    const sequence = list?.sequences.at(-1);
    if (list === undefined || sequence === undefined || sequence <= after) return null;
    return { sequence, before: list.sequences.length - 1 - placeAfter(list, after) };
  }

  clear(): void {
    this.#lists.clear();
  }
}

/** Place of the first sequence after `after`; past the end when there is none. */
function placeAfter({ sequences, front }: SequenceList, after: number): number {
  const newest = sequences.at(-1);
  if (newest === undefined || newest <= after) return sequences.length;
  let low = front;
  let high = sequences.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sequences[middle] ?? 0) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
