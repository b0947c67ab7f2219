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

/** The table of bids was emptied (TRUNCATE, DROP and CREATE): nobody is told, and counts begin anew. */
export interface EmptiedEntry {
  readonly kind: 'emptied';
  state: EntryState;
}

export type Entry = BidEntry | EndEntry | EmptiedEntry;

/** Ids of the bids that exist, and of the items that are not active. */
export interface TableContents {
  readonly bids: ReadonlySet<number>;
  readonly ended: ReadonlySet<number>;
}

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

  /** Committed changes of all items that are to be told. */
  get size(): number {
    return [...this.mark().values()].reduce((sum, count) => sum + count, 0);
  }

  /** Notes on every item that its bids are gone. */
  emptied(): void {
    for (const itemId of this.itemIds) this.note(itemId, { kind: 'emptied', state: 'committed' });
  }

  /** A mark of what is committed now: how many changes of each item are to be told. */
  mark(): ReadonlyMap<number, number> {
    const told = (itemId: number): number =>
      this.committed(itemId).filter(({ kind }) => kind !== 'emptied').length;
    return new Map(this.itemIds.map((itemId) => [itemId, told(itemId)]));
  }

  /** Settles entries by what the tables hold. */
  settle(tables: TableContents): void {
    for (const [itemId, entries] of this.#byItem) {
      for (const entry of entries) {
        if (entry.state !== 'unknown' && entry.state !== 'pending') continue;
        const exists = isHeld(entry, itemId, tables);
        entry.state = exists ? 'committed' : 'undone';
      }
    }
  }

  /** A ledger of what the tables hold of this one: after the source itself has lost what was committed. */
  asHeldBy(tables: TableContents): Ledger {
    const held = new Ledger();
    for (const [itemId, entries] of this.#byItem) {
      held.addItem(itemId);
      for (const entry of entries) {
        const exists = isHeld(entry, itemId, tables);
        held.note(itemId, { ...entry, state: exists ? 'committed' : 'undone' });
      }
    }
    return held;
  }
}

function isHeld(entry: Entry, itemId: number, tables: TableContents): boolean {
  if (entry.kind === 'emptied') return true;
  return entry.kind === 'bid' ? tables.bids.has(entry.bidId) : tables.ended.has(itemId);
}
