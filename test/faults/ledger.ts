/**
 * What the writers committed, in commit order per item: the truth that subscribers are compared with.
 */

/** `pending`: being written; `unknown`: the connection ended before the server said whether it committed. */
export type EntryState = 'pending' | 'committed' | 'undone' | 'unknown';

export interface BidEntry {
  readonly kind: 'bid';
  readonly bidId: number;
  /** Exactly as written: `12.50`. */
  readonly amount: string;
  state: EntryState;
}

export interface EndEntry {
  readonly kind: 'ended';
  state: EntryState;
}

export type Entry = BidEntry | EndEntry;

export class Ledger {
  readonly #byItem = new Map<number, Entry[]>();

  addItem(itemId: number): void {
    if (!this.#byItem.has(itemId)) this.#byItem.set(itemId, []);
  }

  get itemIds(): readonly number[] {
    return [...this.#byItem.keys()];
  }

  /** Notes an entry before it is written. One writer an item, so the order of notes is the order of commits. */
  note(itemId: number, entry: Entry): void {
    const entries = this.#byItem.get(itemId);
    if (entries === undefined) throw new Error(`item ${itemId} is not in the ledger`);
    entries.push(entry);
  }

  /** Everything noted for an item, whatever became of it. */
  entries(itemId: number): readonly Entry[] {
    return this.#byItem.get(itemId) ?? [];
  }

  committed(itemId: number): readonly Entry[] {
    return this.entries(itemId).filter((entry) => entry.state === 'committed');
  }

  /** Committed changes of all items. */
  get size(): number {
    return this.itemIds.reduce((sum, itemId) => sum + this.committed(itemId).length, 0);
  }

  /** A mark of what is committed now: how many entries an item has. */
  mark(): ReadonlyMap<number, number> {
    return new Map(this.itemIds.map((itemId) => [itemId, this.committed(itemId).length]));
  }

  /** Settles entries by what the tables hold: `bids` are ids that exist, `ended` items that are not active. */
  settle(tables: {
    readonly bids: ReadonlySet<number>;
    readonly ended: ReadonlySet<number>;
  }): void {
    for (const [itemId, entries] of this.#byItem) {
      for (const entry of entries) {
        if (entry.state !== 'unknown' && entry.state !== 'pending') continue;
        const exists =
          entry.kind === 'bid' ? tables.bids.has(entry.bidId) : tables.ended.has(itemId);
        entry.state = exists ? 'committed' : 'undone';
      }
    }
  }

  /** A ledger of what the tables hold of this one: after the source itself has lost what was committed. */
  asHeldBy(tables: {
    readonly bids: ReadonlySet<number>;
    readonly ended: ReadonlySet<number>;
  }): Ledger {
    const held = new Ledger();
    for (const [itemId, entries] of this.#byItem) {
      held.addItem(itemId);
      for (const entry of entries) {
        const exists =
          entry.kind === 'bid' ? tables.bids.has(entry.bidId) : tables.ended.has(itemId);
        held.note(itemId, { ...entry, state: exists ? 'committed' : 'undone' });
      }
    }
    return held;
  }
}
