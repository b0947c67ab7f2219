/**
 * A token bucket for one client's messages.
 */
export interface RateLimits {
  /** Messages a second it refills by. */
  readonly perSecond: number;
  /** Messages it holds when full. */
  readonly burst: number;
}

/** `limited`: over the limit, tell the client. `abusive`: it went on a whole second's worth beyond that. */
export type RateVerdict = 'ok' | 'limited' | 'abusive';

export class RateBucket {
  readonly #limits: RateLimits;
  #tokens: number;
  #refilledAtMs: number;
  /** Messages refused since the bucket was last full. */
  #refused = 0;

  /** @param limits shared by all clients */
  constructor(limits: RateLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#refilledAtMs = nowMs;
  }

  /** Takes one message's worth. */
  take(nowMs: number): RateVerdict {
    const { perSecond, burst } = this.#limits;
    const elapsedMs = Math.max(0, nowMs - this.#refilledAtMs);
    this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1000);
    this.#refilledAtMs = nowMs;
    if (this.#tokens >= burst) this.#refused = 0;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 'ok';
    }
    this.#refused += 1;
    return this.#refused > perSecond ? 'abusive' : 'limited';
  }
}
