/**
 * What an operator sees of all workers' clients, from what they reported last. A look asks for the next report to say it.
 */
import type { ItemId, UserId } from '../../src/auction/ids.ts';
import type { GatewayView, SlowClient, WatchedItem } from '../gateway-view.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How long after the last look workers go on saying what they would be asked. */
const LOOKED_WITHIN_MS = 5000;
/** Items asked after at once. */
const ITEMS_MAX = 256;
const DISCONNECT_WITHIN_MS = 5000;

export class PoolView implements GatewayView {
  readonly #workers: () => readonly WorkerProcess[];
  readonly #items = new Map<ItemId, number>();
  readonly #disconnects = new Map<number, (worker: WorkerProcess, connections: number) => void>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #asked = 0;

  /** @param workers those that are live */
  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  slowest(count: number): readonly SlowClient[] {
    this.#lookedAtMs = performance.now();
    return this.#workers()
      .flatMap(({ report }) => report?.view?.slowest ?? [])
      .sort((a, b) => b.backlogBytes - a.backlogBytes)
      .slice(0, count);
  }

  mostWatched(count: number): readonly WatchedItem[] {
    this.#lookedAtMs = performance.now();
    const sums = new Map<ItemId, number>();
    for (const { report } of this.#workers()) {
      for (const { itemId, watchers } of report?.view?.mostWatched ?? []) {
        sums.set(itemId, (sums.get(itemId) ?? 0) + watchers);
      }
    }
    return [...sums]
      .map(([itemId, watchers]) => ({ itemId, watchers }))
      .sort((a, b) => b.watchers - a.watchers)
      .slice(0, count);
  }

  watchersOf(itemId: ItemId): number {
    this.#lookedAtMs = performance.now();
    this.#items.delete(itemId);
    this.#items.set(itemId, this.#lookedAtMs);
    let sum = 0;
    for (const { report } of this.#workers()) {
      sum += report?.view?.watchers.find((each) => each.itemId === itemId)?.watchers ?? 0;
    }
    return sum;
  }

  disconnect(userId: UserId): Promise<number> {
    const waitingFor = new Set(this.#workers());
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve) => {
      let sum = 0;
      const done = (): void => {
        clearTimeout(timer);
        this.#disconnects.delete(id);
        resolve(sum);
      };
      const timer = setTimeout(done, DISCONNECT_WITHIN_MS);
      this.#disconnects.set(id, (worker, connections) => {
        if (!waitingFor.delete(worker)) return;
        sum += connections;
        if (waitingFor.size === 0) done();
      });
      for (const worker of waitingFor) worker.send({ kind: 'disconnect', id, userId });
      if (waitingFor.size === 0) done();
    });
  }

  /** A worker has closed a user's connections. */
  disconnected(worker: WorkerProcess, id: number, connections: number): void {
    this.#disconnects.get(id)?.(worker, connections);
  }

  /** What the next reports are to say, to be sent about once a second; null while nobody looks. */
  wanted(): readonly ItemId[] | null {
    const sinceMs = performance.now() - LOOKED_WITHIN_MS;
    for (const [itemId, atMs] of this.#items) {
      if (atMs < sinceMs || this.#items.size > ITEMS_MAX) this.#items.delete(itemId);
    }
    return this.#lookedAtMs < sinceMs ? null : [...this.#items.keys()];
  }
}
