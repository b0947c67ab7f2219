/**
 * The connections of each user on all workers, oldest first: for one too many, the oldest is closed wherever it is.
 */
import type { UserId } from '../../src/auction/ids.ts';
import type { WorkerProcess } from './worker-process.ts';

interface Held {
  readonly worker: WorkerProcess;
  readonly connection: number;
}

export class UserDesk {
  readonly #max: number;
  readonly #byUser = new Map<UserId, Held[]>();
  readonly #byWorker = new Map<WorkerProcess, Map<number, UserId>>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Users with a connection. */
  get users(): number {
    return this.#byUser.size;
  }

  admitted(worker: WorkerProcess, connection: number, userId: UserId): void {
    const own = this.#byUser.get(userId) ?? [];
    this.#byUser.set(userId, own);
    own.push({ worker, connection });
    const ofWorker = this.#byWorker.get(worker) ?? new Map<number, UserId>();
    this.#byWorker.set(worker, ofWorker.set(connection, userId));
    while (own.length > this.#max) {
      const oldest = own.shift();
      if (oldest === undefined) return;
      this.#byWorker.get(oldest.worker)?.delete(oldest.connection);
      oldest.worker.send({ kind: 'evict', connection: oldest.connection });
    }
  }

  departed(worker: WorkerProcess, connection: number): void {
    const userId = this.#byWorker.get(worker)?.get(connection);
    if (userId === undefined) return;
    this.#byWorker.get(worker)?.delete(connection);
    this.#forget(userId, (held) => held.worker === worker && held.connection === connection);
  }

  /** A worker has ended, and all of its connections with it. */
  workerEnded(worker: WorkerProcess): void {
    const users = new Set(this.#byWorker.get(worker)?.values());
    this.#byWorker.delete(worker);
    for (const userId of users) this.#forget(userId, (held) => held.worker === worker);
  }

  #forget(userId: UserId, isGone: (held: Held) => boolean): void {
    const left = (this.#byUser.get(userId) ?? []).filter((held) => !isGone(held));
    if (left.length === 0) this.#byUser.delete(userId);
    else this.#byUser.set(userId, left);
  }
}
