/**
 * The places that each worker's connections have taken, so that those of one that has ended are free again.
 */
import type { LocalPlaces, NoPlace } from '../places.ts';
import type { WorkerProcess } from './worker-process.ts';

export class PlaceDesk {
  readonly #places: LocalPlaces;
  readonly #taken = new Map<WorkerProcess, Map<string | null, number>>();

  constructor(places: LocalPlaces) {
    this.#places = places;
  }

  enter(worker: WorkerProcess, addressKey: string | null): NoPlace | null {
    const refusal = this.#places.enter(addressKey);
    if (refusal !== null) return refusal;
    const taken = this.#taken.get(worker) ?? new Map<string | null, number>();
    this.#taken.set(worker, taken.set(addressKey, (taken.get(addressKey) ?? 0) + 1));
    return null;
  }

  left(worker: WorkerProcess, addressKey: string | null): void {
    const taken = this.#taken.get(worker);
    const count = taken?.get(addressKey) ?? 0;
    if (count === 0) return;
    if (count === 1) taken?.delete(addressKey);
    else taken?.set(addressKey, count - 1);
    this.#places.left(addressKey);
  }

  failed(addressKey: string): void {
    this.#places.failed(addressKey);
  }

  workerEnded(worker: WorkerProcess): void {
    for (const [addressKey, count] of this.#taken.get(worker) ?? []) {
      for (let left = count; left > 0; left -= 1) this.#places.left(addressKey);
    }
    this.#taken.delete(worker);
  }
}
