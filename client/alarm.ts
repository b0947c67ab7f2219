import type { Environment, TimerId } from './environment.ts';

/** The longest delay that browsers and Node keep; a longer one would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** One timer that can be set again and cleared. */
export class Alarm {
  readonly #environment: Environment;
  #timer: TimerId | null = null;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  set(afterMs: number, callback: () => void): void {
    this.clear();
    this.#timer = this.#environment.setTimeout(
      () => {
        this.#timer = null;
        callback();
      },
      Math.min(afterMs, DELAY_MAX_MS),
    );
  }

  clear(): void {
    if (this.#timer !== null) this.#environment.clearTimeout(this.#timer);
    this.#timer = null;
  }

  get isSet(): boolean {
    return this.#timer !== null;
  }
}
