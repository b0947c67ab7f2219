/**
 * What must come piece by piece, and how much of it never did: a benchmark that has lost something says so, and does not
 * wait for it.
 */
import { thousands } from './report.ts';

export interface Outcome {
  /** In the plural. */
  readonly what: string;
  readonly due: number;
  readonly missing: number;
}

/** @throws Error when something that was due never came */
export function demandAll({ what, due, missing }: Outcome): void {
  if (missing === 0) return;
  throw new Error(`${thousands(missing)} of ${thousands(due)} ${what} never came`);
}

/** What is still missing once nothing has come for a while; 0 as soon as all has. */
export class Due {
  readonly missing: Promise<number>;
  #left: number;
  readonly #timer: NodeJS.Timeout;
  #settle: (missing: number) => void = () => undefined;

  /** @param lostAfterMs without any piece: what is missing then never comes */
  constructor(count: number, lostAfterMs: number) {
    this.#left = count;
    this.missing = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = setTimeout(() => {
      this.#settle(this.#left);
    }, lostAfterMs);
    this.came(0);
  }

  /** So many further pieces are there. */
  came(count: number): void {
    this.#left -= count;
    this.#timer.refresh();
    if (this.#left > 0) return;
    clearTimeout(this.#timer);
    this.#settle(0);
  }
}
