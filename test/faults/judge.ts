/**
 * Compares what a subscriber was told with what was committed.
 *
 * The rule: every committed change is told, in commit order per item, and nothing else; what is told twice carries the
 * same event id. A gap is allowed in one case only: the server said so (a close with 4004, or `recovered:false`) and the
 * state that it handed out then contains the missing changes. Such changes count as `declared`, not as lost.
 */
import type { BidEntry, EndEntry, Entry, Ledger } from './ledger.ts';
import type { Told } from './subscriber.ts';

export interface Verdict {
  /** Committed changes that were told as events. */
  readonly delivered: number;
  /** Committed changes that a declared fresh state held instead. */
  readonly declared: number;
  /** Committed changes that were neither. */
  readonly lost: number;
  /** Told again under the same event id: allowed. */
  readonly repeated: number;
  /** Told though never committed, in the wrong order, with other digits, another count or another event id. */
  readonly invented: number;
  /** The first faults, for people. */
  readonly faults: readonly string[];
}

export interface Case {
  /** What was committed; after a loss at the source one more ledger for each further epoch, begun by a 4004. */
  readonly epochs: readonly Ledger[];
  readonly itemIds: readonly number[];
  readonly told: (itemId: number) => readonly Told[];
}

const FAULTS_MAX = 5;

export function judge(which: Case): Verdict {
  const sum = { delivered: 0, declared: 0, lost: 0, repeated: 0, invented: 0 };
  const faults: string[] = [];
  for (const itemId of which.itemIds) {
    const item = new ItemJudge(which.epochs.map((ledger) => expectedOf(ledger.committed(itemId))));
    for (const told of which.told(itemId)) item.take(told);
    item.finish();
    for (const key of ['delivered', 'declared', 'lost', 'repeated', 'invented'] as const) {
      sum[key] += item.counts[key];
    }
    faults.push(...item.faults.map((fault) => `item ${itemId}: ${fault}`));
  }
  return { ...sum, faults: faults.slice(0, FAULTS_MAX) };
}

/** A change that is to be told, with the number of bids that the table holds after it. */
interface Expected {
  readonly entry: BidEntry | EndEntry;
  readonly bidCount: number;
}

function expectedOf(entries: readonly Entry[]): readonly Expected[] {
  const expected: Expected[] = [];
  let bidCount = 0;
  for (const entry of entries) {
    if (entry.kind === 'emptied') {
      bidCount = 0;
      continue;
    }
    if (entry.kind === 'bid') bidCount += 1;
    expected.push({ entry, bidCount });
  }
  return expected;
}

/** Follows one item through one subscriber's eyes. */
class ItemJudge {
  readonly counts = { delivered: 0, declared: 0, lost: 0, repeated: 0, invented: 0 };
  readonly faults: string[] = [];
  readonly #epochs: readonly (readonly Expected[])[];
  #epoch = 0;
  /** Place in the epoch's entries of the next change to be told. */
  #at = 0;
  readonly #eventIds = new Map<string, string>();

  constructor(epochs: readonly (readonly Expected[])[]) {
    this.#epochs = epochs;
  }

  take(told: Told): void {
    if (told.kind === 'state') {
      this.#takeState(told);
      return;
    }
    const found = this.#expected.findIndex(
      ({ entry }, at) => at >= this.#at && isSame(entry, told),
    );
    if (found < 0) {
      this.#takeUnexpected(told);
      return;
    }
    if (found > this.#at) {
      this.#fault('lost', found - this.#at, `${name(told)} came before ${this.#name(this.#at)}`);
    }
    this.#at = found + 1;
    this.counts.delivered += 1;
    this.#eventIds.set(name(told), told.eventId);
    if (told.kind !== 'bid') return;
    const count = this.#expected[found]?.bidCount ?? 0;
    if (told.bidCount !== count) {
      this.#fault('invented', 1, `${name(told)} says bidCount ${told.bidCount}, it is ${count}`);
    }
  }

  finish(): void {
    // Epochs that no reset announced are lost as a whole, where they hold anything new.
    const missing = this.#expected.length - this.#at;
    if (missing > 0) this.#fault('lost', missing, `${missing} from ${this.#name(this.#at)} on`);
    if (this.#epoch < this.#epochs.length - 1) {
      this.#fault('lost', 1, 'the source lost committed data, and no reset said so');
    }
  }

  get #expected(): readonly Expected[] {
    return this.#epochs[this.#epoch] ?? [];
  }

  #takeState(state: Extract<Told, { kind: 'state' }>): void {
    if (state.reason === 'reset' && this.#epoch < this.#epochs.length - 1) {
      // What the old epoch still owed is gone at the source itself; the new one begins with its state.
      this.#epoch += 1;
      this.#at = 0;
    }
    const place = placeOf(this.#expected, state, this.#at);
    if (place === null) {
      const what = `${state.bidCount} bids, ${state.isActive ? 'active' : 'ended'}`;
      this.#fault('invented', 1, `a state (${what}) that the tables never had`);
      return;
    }
    // After a replay the events themselves must come; a state behind what was told only means repeats.
    if (state.reason === 'replayed' || place <= this.#at) return;
    this.counts.declared += place - this.#at;
    this.#at = place;
  }

  #takeUnexpected(told: Exclude<Told, { kind: 'state' }>): void {
    const eventId = this.#eventIds.get(name(told));
    if (eventId === undefined) {
      const isKnown = this.#expected.some(({ entry }) => isSame(entry, told));
      this.#fault(
        'invented',
        1,
        `${name(told)} ${isKnown ? 'out of order' : 'was never committed'}`,
      );
    } else if (eventId !== told.eventId) {
      this.#fault('invented', 1, `${name(told)} came again as another event`);
    } else {
      this.counts.repeated += 1;
    }
  }

  #fault(kind: 'lost' | 'invented', count: number, text: string): void {
    this.counts[kind] += count;
    this.faults.push(text);
  }

  #name(at: number): string {
    const expected = this.#expected[at];
    return expected === undefined ? 'nothing more' : name(expected.entry);
  }
}

function isSame(entry: Entry, told: Told): boolean {
  if (entry.kind === 'bid' && told.kind === 'bid') {
    return entry.bidId === told.bidId && entry.amount === told.amount;
  }
  return entry.kind === 'ended' && told.kind === 'ended';
}

/**
 * How many changes a state contains, looked for from `at` on and then before it; null when it is none that the changes
 * lead through.
 */
function placeOf(
  expected: readonly Expected[],
  state: { readonly bidCount: number; readonly isActive: boolean },
  at: number,
): number | null {
  const endAt = expected.findIndex(({ entry }) => entry.kind === 'ended');
  const fits = (place: number): boolean => {
    const isActive = endAt < 0 || place <= endAt;
    return (expected[place - 1]?.bidCount ?? 0) === state.bidCount && isActive === state.isActive;
  };
  const places = [...expected.keys(), expected.length];
  return places.slice(at).find(fits) ?? places.slice(0, at).find(fits) ?? null;
}

function name(of: BidEntry | EndEntry | Exclude<Told, { kind: 'state' }>): string {
  return of.kind === 'bid' ? `bid ${of.bidId} of ${of.amount}` : 'the end';
}
