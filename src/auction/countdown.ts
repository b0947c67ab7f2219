/**
 * The schedule of countdown steps, pure: it is told the time, never asks for it.
 *
 * A million auctions may be armed with ends days away, so nothing here ever scans them: a binary heap holds each
 * auction once, ordered by its next step (O(log n) to arm, disarm and step), in flat arrays of numbers instead of an
 * object an auction.
 */
import type { Book } from './book.ts';
import type { EndingAnnounced } from './domain-event.ts';
import { endingEventId } from './event-id.ts';
import type { ItemId } from './ids.ts';

/** Seconds before the end at which an auction is announced to end. */
export const COUNTDOWN_STEPS: readonly number[] = [
  300, 270, 240, 210, 180, 150, 120, 90, 60, 30, 10, 5, 4, 3, 2, 1, 0,
];
/** A step noticed later than this is skipped: it would tell a time that is no longer true. */
export const STEP_LATENESS_MAX_MS = 2_000;

const CAPACITY_FIRST = 1_024;

/** Where one auction stands in the schedule: its end, the step that comes next, its place in the heap. */
export class Countdown {
  readonly #slots = new Map<ItemId, number>();
  #itemIds: (ItemId | undefined)[] = [];
  #freeSlots: number[] = [];
  #endTimesMs = new Float64Array(CAPACITY_FIRST);
  #steps = new Uint8Array(CAPACITY_FIRST);
  /** Slot → place in the heap. */
  #places = new Int32Array(CAPACITY_FIRST);
  /** Place in the heap → slot. */
  #heap = new Int32Array(CAPACITY_FIRST);
  #size = 0;
  readonly #past = new Map<ItemId, number>();

  /** Auctions that were followed to their end (epoch ms) and not disarmed since: past their end, and still active. */
  get past(): ReadonlyMap<ItemId, number> {
    return this.#past;
  }

  /** Auctions with a step to come. */
  get size(): number {
    return this.#size;
  }

  /**
   * Follows an auction to its end, from the next step that is not yet past at `nowMs`. The same end again changes
   * nothing; another end starts anew from the step that fits it; with an end that is past no step is to come.
   */
  arm(itemId: ItemId, endTimeMs: number, nowMs: number): void {
    const slot = this.#slots.get(itemId);
    if (slot !== undefined && this.#endTimesMs[slot] === endTimeMs) {
      return;
    }
    const step = COUNTDOWN_STEPS.findIndex((seconds) => endTimeMs - seconds * 1000 >= nowMs);
    if (step === -1 || endTimeMs <= nowMs) {
      this.#drop(itemId);
      this.#past.set(itemId, endTimeMs);
      return;
    }
    this.#past.delete(itemId);
    this.#place(slot ?? this.#newSlot(itemId), endTimeMs, step);
  }

  /** Forgets an auction; harmless where it is not armed. */
  disarm(itemId: ItemId): void {
    this.#past.delete(itemId);
    this.#drop(itemId);
  }

  #drop(itemId: ItemId): void {
    const slot = this.#slots.get(itemId);
    if (slot === undefined) {
      return;
    }
    const place = at(this.#places, slot);
    this.#size -= 1;
    const moved = at(this.#heap, this.#size);
    if (moved !== slot) {
      this.#put(moved, place);
      this.#siftUp(place);
      this.#siftDown(at(this.#places, moved));
    }
    this.#slots.delete(itemId);
    this.#itemIds[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  /**
   * Steps that have come since the last call, in order of time: of each auction only the newest, and none more than
   * `STEP_LATENESS_MAX_MS` late. After step 0 the auction is forgotten.
   */
  due(nowMs: number): EndingAnnounced[] {
    const announced: EndingAnnounced[] = [];
    while (this.#size > 0) {
      const slot = at(this.#heap, 0);
      if (this.#dueAtMs(slot) > nowMs) {
        break;
      }
      this.#stepOn(slot, nowMs, announced);
    }
    return announced;
  }

  /** Epoch ms of the next step of any auction; null when none is armed. */
  nextAtMs(): number | null {
    return this.#size === 0 ? null : this.#dueAtMs(at(this.#heap, 0));
  }

  #stepOn(slot: number, nowMs: number, announced: EndingAnnounced[]): void {
    const itemId = this.#itemIds[slot];
    if (itemId === undefined) {
      throw new Error('countdown: a slot in the heap has no item');
    }
    const endTimeMs = at(this.#endTimesMs, slot);
    let step = at(this.#steps, slot);
    while (step + 1 < COUNTDOWN_STEPS.length && stepAtMs(endTimeMs, step + 1) <= nowMs) {
      step += 1;
    }
    if (nowMs - stepAtMs(endTimeMs, step) <= STEP_LATENESS_MAX_MS) {
      const secondsRemaining = secondsOf(step);
      const eventId = endingEventId(itemId, endTimeMs, secondsRemaining);
      announced.push({ type: 'EndingAnnounced', eventId, itemId, secondsRemaining, endTimeMs });
    }
    if (step + 1 === COUNTDOWN_STEPS.length) {
      this.#drop(itemId);
      this.#past.set(itemId, endTimeMs);
    } else {
      this.#steps[slot] = step + 1;
      this.#siftDown(0);
    }
  }

  #newSlot(itemId: ItemId): number {
    const slot = this.#freeSlots.pop() ?? this.#itemIds.length;
    if (slot >= this.#heap.length) {
      this.#grow();
    }
    this.#itemIds[slot] = itemId;
    this.#slots.set(itemId, slot);
    this.#put(slot, this.#size);
    this.#size += 1;
    return slot;
  }

  #grow(): void {
    const capacity = this.#heap.length * 2;
    this.#endTimesMs = copyInto(new Float64Array(capacity), this.#endTimesMs);
    this.#steps = copyInto(new Uint8Array(capacity), this.#steps);
    this.#places = copyInto(new Int32Array(capacity), this.#places);
    this.#heap = copyInto(new Int32Array(capacity), this.#heap);
  }

  #place(slot: number, endTimeMs: number, step: number): void {
    this.#endTimesMs[slot] = endTimeMs;
    this.#steps[slot] = step;
    this.#siftUp(at(this.#places, slot));
    this.#siftDown(at(this.#places, slot));
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }

  #dueAtMs(slot: number): number {
    return stepAtMs(at(this.#endTimesMs, slot), at(this.#steps, slot));
  }

  #siftUp(from: number): void {
    let place = from;
    const slot = at(this.#heap, place);
    const dueAtMs = this.#dueAtMs(slot);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = at(this.#heap, parent);
      if (this.#dueAtMs(above) <= dueAtMs) {
        break;
      }
      this.#put(above, place);
      place = parent;
    }
    this.#put(slot, place);
  }

  #siftDown(from: number): void {
    let place = from;
    const slot = at(this.#heap, place);
    const dueAtMs = this.#dueAtMs(slot);
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#size) {
        break;
      }
      const right = child + 1;
      if (
        right < this.#size &&
        this.#dueAtMs(at(this.#heap, right)) < this.#dueAtMs(at(this.#heap, child))
      ) {
        child = right;
      }
      const below = at(this.#heap, child);
      if (this.#dueAtMs(below) >= dueAtMs) {
        break;
      }
      this.#put(below, place);
      place = child;
    }
    this.#put(slot, place);
  }
}

/**
 * Brings the countdown in step with the book: arms what became or stayed active with an end time, disarms the rest.
 * The pipeline calls it after each slice of a transaction and after each load.
 */
export function followBook(countdown: Countdown, book: Book, nowMs: number): void {
  for (const itemId of book.drainTouched()) {
    const auction = book.get(itemId);
    if (auction?.status === 'active' && auction.endTimeMs !== null) {
      countdown.arm(itemId, auction.endTimeMs, nowMs);
    } else {
      countdown.disarm(itemId);
    }
  }
}

function stepAtMs(endTimeMs: number, step: number): number {
  return endTimeMs - secondsOf(step) * 1000;
}

function secondsOf(step: number): number {
  return COUNTDOWN_STEPS[step] ?? 0;
}

type Numbers = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

function copyInto<T extends Numbers>(target: T, source: T): T {
  target.set(source);
  return target;
}

/** An element that is there by construction. */
function at(numbers: Numbers, index: number): number {
  const number = numbers[index];
  if (number === undefined) {
    throw new Error('countdown: index out of range');
  }
  return number;
}
