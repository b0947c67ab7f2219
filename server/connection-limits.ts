/**
 * What one address may take: connections at once, new ones a second, and tokens that were refused. Counted by the keys of
 * client-address.ts; a null key is not limited.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../src/ports.ts';

export interface AddressLimits {
  /** Connections of one address at once. */
  readonly connectionsMax: number;
  /** New connections a second of one address, on average; {@link BURST_SECONDS} times that at once. */
  readonly newPerSecondMax: number;
  /** Refused tokens of one address before it has to wait; each further one doubles the wait. */
  readonly failuresMax: number;
  /** The longest wait after a refused token. */
  readonly delayMaxMs: number;
}

/** A page with many tabs, or an office after a power cut, comes at once. */
const BURST_SECONDS = 5;
/** The first wait; it doubles from there. */
const DELAY_MIN_MS = 1000;
/** Failures are forgotten this long after the last one. */
const FORGET_AFTER_MS = 600_000;
/** Addresses whose recent past is kept; the ones seen least lately go first. */
const ADDRESSES_MAX = 65_536;
const RETRY_WHEN_FULL_MS = 5000;

interface Recent {
  /** New connections it may still open now. */
  left: number;
  filledAtMs: number;
  failures: number;
  failedAtMs: number;
  waitsUntilMs: number;
}

export class ConnectionLimits {
  readonly #limits: AddressLimits;
  readonly #now: Clock;
  readonly #open = new Map<string, number>();
  readonly #recent = new LRUCache<string, Recent>({ max: ADDRESSES_MAX });

  constructor(limits: AddressLimits, now: Clock) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Asks for one more connection. @returns 0: it may come; else how many ms it should stay away */
  ask(key: string | null): number {
    if (key === null) return 0;
    const nowMs = this.#now();
    const recent = this.#recentOf(key, nowMs);
    if (nowMs < recent.waitsUntilMs) return recent.waitsUntilMs - nowMs;
    if ((this.#open.get(key) ?? 0) >= this.#limits.connectionsMax) return RETRY_WHEN_FULL_MS;
    const { newPerSecondMax } = this.#limits;
    const elapsedMs = Math.max(0, nowMs - recent.filledAtMs);
    const filled = recent.left + (elapsedMs * newPerSecondMax) / 1000;
    recent.left = Math.min(newPerSecondMax * BURST_SECONDS, filled);
    recent.filledAtMs = nowMs;
    if (recent.left < 1) return Math.ceil(((1 - recent.left) * 1000) / newPerSecondMax);
    recent.left -= 1;
    return 0;
  }

  /** A connection of this address is open. */
  opened(key: string | null): void {
    if (key !== null) this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
  }

  closed(key: string | null): void {
    if (key === null) return;
    const open = (this.#open.get(key) ?? 1) - 1;
    if (open === 0) this.#open.delete(key);
    else this.#open.set(key, open);
  }

  /** A token from this address was refused, and not for its age. */
  failed(key: string | null): void {
    if (key === null) return;
    const nowMs = this.#now();
    const recent = this.#recentOf(key, nowMs);
    if (nowMs - recent.failedAtMs > FORGET_AFTER_MS) recent.failures = 0;
    recent.failures += 1;
    recent.failedAtMs = nowMs;
    const beyond = recent.failures - this.#limits.failuresMax;
    if (beyond <= 0) return;
    const delayMs = Math.min(this.#limits.delayMaxMs, DELAY_MIN_MS * 2 ** Math.min(beyond - 1, 30));
    recent.waitsUntilMs = nowMs + delayMs;
  }

  #recentOf(key: string, nowMs: number): Recent {
    let recent = this.#recent.get(key);
    if (recent === undefined) {
      const left = this.#limits.newPerSecondMax * BURST_SECONDS;
      recent = {
        left,
        filledAtMs: nowMs,
        failures: 0,
        failedAtMs: Number.NEGATIVE_INFINITY,
        waitsUntilMs: 0,
      };
      this.#recent.set(key, recent);
    }
    return recent;
  }
}
