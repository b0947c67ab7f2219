/**
 * Compares what one client was told of one item, or by name, with what was committed. Pure.
 *
 * The rule: after its first state a client is told every change once, in order, and nothing else. A reset (the SDK's word
 * for `recovered:false` or 4004: a state that says that events may be missing) moves the client to the place where that
 * state is; what it skips is counted as `inState`, and every reset is counted.
 */
import type { Course, OwnStep, Place } from './courses.ts';

/** What a client was told, in the order in which it was told. */
export type Told =
  | { readonly kind: 'event'; readonly key: string; readonly skipped: number }
  | { readonly kind: 'state'; readonly place: Place; readonly isReset: boolean };

/** What a user was told by name; `standing` stands in for what could not be replayed. */
export type ToldByName =
  | { readonly kind: 'event'; readonly itemId: number; readonly key: string }
  | { readonly kind: 'standing' };

export interface Verdict {
  /** Changes told, each once, in order. */
  readonly delivered: number;
  /** Changes that a newer update of the same kind stood for (`skipped`). */
  readonly conflated: number;
  /** Changes that the state of a reset held instead. */
  readonly inState: number;
  readonly lost: number;
  /** Told twice, which the SDK promises not to do. */
  readonly repeated: number;
  /** Told and never committed. */
  readonly invented: number;
  /** States that said that events may be missing. */
  readonly resets: number;
  /** The first faults, for people. */
  readonly faults: readonly string[];
}

export const NOTHING: Verdict = {
  delivered: 0,
  conflated: 0,
  inState: 0,
  lost: 0,
  repeated: 0,
  invented: 0,
  resets: 0,
  faults: [],
};

const FAULTS_MAX = 5;

/** Both together; the faults of the first come first. */
export function sum(a: Verdict, b: Verdict): Verdict {
  return {
    delivered: a.delivered + b.delivered,
    conflated: a.conflated + b.conflated,
    inState: a.inState + b.inState,
    lost: a.lost + b.lost,
    repeated: a.repeated + b.repeated,
    invented: a.invented + b.invented,
    resets: a.resets + b.resets,
    faults: [...a.faults, ...b.faults].slice(0, FAULTS_MAX),
  };
}

/** Follows one item through one client's eyes. */
export function judgeItem(course: Course, told: readonly Told[]): Verdict {
  const { steps, itemId } = course;
  const tally = new Tally(`item ${itemId.toString()}`);
  let at: number | null = null;
  for (const each of told) {
    if (each.kind === 'state') {
      at = takeState(course, each, at, tally);
      continue;
    }
    if (at === null) {
      tally.fault('invented', 1, `${each.key} before any state`);
      continue;
    }
    const found = steps.findIndex(({ key }, place) => place >= (at ?? 0) && key === each.key);
    if (found < 0) {
      const wasThere = steps.some(({ key }) => key === each.key);
      tally.fault(wasThere ? 'repeated' : 'invented', 1, each.key);
      continue;
    }
    const passed: number = found - at;
    if (passed > 0 && each.skipped === passed) tally.counts.conflated += passed;
    else if (passed > 0) tally.fault('lost', passed, `${steps[at]?.key ?? ''}, before ${each.key}`);
    at = found + 1;
    tally.counts.delivered += 1;
  }
  const missing = steps.length - (at ?? 0);
  if (missing > 0) tally.fault('lost', missing, `all from "${steps[at ?? 0]?.key ?? ''}" on`);
  return tally.verdict;
}

/** What a user was told by name. */
export function judgeByName(expected: readonly OwnStep[], told: readonly ToldByName[]): Verdict {
  const tally = new Tally('by name');
  const itemIds = new Set([...expected, ...told.filter(isEvent)].map(({ itemId }) => itemId));
  for (const itemId of itemIds) {
    const keys = expected.filter((step) => step.itemId === itemId).map(({ key }) => key);
    let at = 0;
    let mayMiss = false;
    for (const each of told) {
      if (!isEvent(each)) {
        mayMiss = true;
        continue;
      }
      if (each.itemId !== itemId) continue;
      const found = keys.indexOf(each.key, at);
      if (found < 0) {
        const kind = keys.includes(each.key) ? 'repeated' : 'invented';
        tally.fault(kind, 1, `item ${itemId.toString()} ${each.key}`);
        continue;
      }
      const passed = found - at;
      if (passed > 0 && mayMiss) tally.counts.inState += passed;
      else if (passed > 0)
        tally.fault('lost', passed, `item ${itemId.toString()} ${keys[at] ?? ''}`);
      at = found + 1;
      tally.counts.delivered += 1;
      mayMiss = false;
    }
    const missing = keys.length - at;
    if (missing > 0 && mayMiss) tally.counts.inState += missing;
    else if (missing > 0)
      tally.fault('lost', missing, `item ${itemId.toString()} all from "${keys[at] ?? ''}" on`);
  }
  tally.counts.resets += told.filter((each) => !isEvent(each)).length;
  return tally.verdict;
}

/** @returns how many steps the state contains */
function takeState(
  { before, steps }: Course,
  { place, isReset }: Extract<Told, { kind: 'state' }>,
  at: number | null,
  tally: Tally,
): number | null {
  const places = [before, ...steps.map(({ after }) => after)];
  const later = places.findIndex((each, index) => index >= (at ?? 0) && isSame(each, place));
  const found = later >= 0 ? later : places.findLastIndex((each) => isSame(each, place));
  if (isReset) tally.counts.resets += 1;
  if (found < 0) {
    tally.fault('invented', 1, `a state that never was: ${JSON.stringify(place)}`);
    return at;
  }
  if (at !== null && !isReset && found !== at) {
    tally.fault(
      'lost',
      Math.abs(found - at),
      `a state at step ${found.toString()} without a reset`,
    );
  } else if (at !== null && found > at) {
    tally.counts.inState += found - at;
  }
  return found;
}

class Tally {
  readonly counts = {
    ...{ delivered: 0, conflated: 0, inState: 0 },
    ...{ lost: 0, repeated: 0, invented: 0, resets: 0 },
  };
  readonly #faults: string[] = [];
  readonly #subject: string;

  constructor(subject: string) {
    this.#subject = subject;
  }

  get verdict(): Verdict {
    return { ...this.counts, faults: this.#faults };
  }

  fault(kind: 'lost' | 'repeated' | 'invented', count: number, text: string): void {
    this.counts[kind] += count;
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(`${this.#subject}: ${kind}: ${text}`);
  }
}

function isEvent(told: ToldByName): told is Extract<ToldByName, { kind: 'event' }> {
  return told.kind === 'event';
}

function isSame(a: Place, b: Place): boolean {
  return a.bidCount === b.bidCount && a.status === b.status && a.endTime === b.endTime;
}
