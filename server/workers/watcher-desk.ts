/**
 * How many watch an item on all workers together, for the workers on which somebody asked.
 */
import type { ItemId } from '../../src/auction/ids.ts';
import type { WorkerProcess } from './worker-process.ts';

interface Counted {
  readonly listeners: Set<WorkerProcess>;
  readonly counts: Map<WorkerProcess, number>;
}

export class WatcherDesk {
  readonly #workers: () => Iterable<WorkerProcess>;
  readonly #items = new Map<ItemId, Counted>();
  readonly #moved = new Set<ItemId>();

  /** @param workers those that are live */
  constructor(workers: () => Iterable<WorkerProcess>) {
    this.#workers = workers;
  }

  listen(worker: WorkerProcess, itemId: ItemId, on: boolean): void {
    const counted = this.#items.get(itemId);
    if (!on) {
      counted?.listeners.delete(worker);
      if (counted?.listeners.size === 0) this.#drop(itemId);
      return;
    }
    if (counted !== undefined) {
      counted.listeners.add(worker);
      this.#moved.add(itemId);
      return;
    }
    this.#items.set(itemId, { listeners: new Set([worker]), counts: new Map() });
    for (const each of this.#workers()) each.send({ kind: 'track', itemIds: [itemId], on: true });
  }

  counted(worker: WorkerProcess, counts: readonly (readonly [ItemId, number])[]): void {
    for (const [itemId, count] of counts) {
      this.#items.get(itemId)?.counts.set(worker, count);
      this.#moved.add(itemId);
    }
  }

  /** Tells a worker that has just become live what to count. */
  workerBegan(worker: WorkerProcess): void {
    if (this.#items.size === 0) return;
    worker.send({ kind: 'track', itemIds: [...this.#items.keys()], on: true });
  }

  workerEnded(worker: WorkerProcess): void {
    for (const [itemId, { listeners, counts }] of this.#items) {
      if (counts.delete(worker)) this.#moved.add(itemId);
      if (listeners.delete(worker) && listeners.size === 0) this.#drop(itemId);
    }
  }

  /** Passes on what has changed; call it about once a second. */
  tell(): void {
    const totals = new Map<WorkerProcess, [ItemId, number][]>();
    for (const itemId of this.#moved) {
      const counted = this.#items.get(itemId);
      if (counted === undefined) continue;
      let total = 0;
      for (const count of counted.counts.values()) total += count;
      for (const worker of counted.listeners) {
        const own = totals.get(worker) ?? [];
        totals.set(worker, own);
        own.push([itemId, total]);
      }
    }
    this.#moved.clear();
    for (const [worker, own] of totals) worker.send({ kind: 'watchers', totals: own });
  }

  #drop(itemId: ItemId): void {
    this.#items.delete(itemId);
    for (const each of this.#workers()) each.send({ kind: 'track', itemIds: [itemId], on: false });
  }
}
