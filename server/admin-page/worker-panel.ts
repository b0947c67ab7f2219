/** The processes that hold the sockets, where there are any. */
import { byId, refill, table } from './dom.ts';
import { bytes, count } from './format.ts';
import type { Picture, WorkerStatus } from './picture.ts';

const COLUMNS = [
  { title: 'Worker' },
  { title: 'Process' },
  { title: '' },
  { title: 'Connections', class: 'number' },
  { title: 'Messages/s', class: 'number' },
  { title: 'Event loop late by', class: 'number' },
  { title: 'Memory', class: 'number' },
  { title: 'Restarts', class: 'number' },
];

export class WorkerPanel {
  readonly #panel = byId('workers-panel', HTMLElement);
  readonly #workers = byId('workers', HTMLElement);
  #before: Pick<Picture, 'atMs' | 'workers'> | null = null;

  show({ atMs, workers }: Picture): void {
    this.#panel.hidden = workers.length === 0;
    const rows = workers.map((worker) => [
      worker.worker.toString(),
      worker.pid?.toString() ?? '',
      worker.state,
      count(worker.connections),
      this.#rateOf(worker, atMs),
      `${worker.loopLagMs.toFixed(0)} ms`,
      bytes(worker.memoryBytes),
      count(worker.restarts),
    ]);
    refill(this.#workers, table(COLUMNS, rows, ''));
    this.#before = { atMs, workers };
  }

  #rateOf({ pid, frames }: WorkerStatus, atMs: number): string {
    const before = this.#before?.workers.find((each) => each.pid === pid);
    const seconds = (atMs - (this.#before?.atMs ?? atMs)) / 1000;
    if (before === undefined || seconds <= 0) return '';
    return count(Math.round((frames - before.frames) / seconds));
  }
}
