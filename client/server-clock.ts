/** The server's clock as seen from here. Pure but for the local clock it is given. */

export class ServerClock {
  readonly #now: () => number;
  #offsetMs: number | null = null;

  /** @param now the local clock, epoch ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Forgets what was measured: the local clock may have been set, or slept, between two connections. */
  reset(): void {
    this.#offsetMs = null;
  }

  /**
   * Takes in the server's time of a message that has just arrived. Each sample is late by the way it took, never early:
   * the one that seems furthest ahead is the best.
   */
  sample(serverTime: string): void {
    const offsetMs = Date.parse(serverTime) - this.#now();
    if (Number.isNaN(offsetMs)) return;
    this.#offsetMs = Math.max(offsetMs, this.#offsetMs ?? offsetMs);
  }

  /** Epoch ms; the local clock while the server has not been heard. */
  now(): number {
    return this.#now() + (this.#offsetMs ?? 0);
  }
}
