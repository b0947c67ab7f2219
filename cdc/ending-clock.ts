/**
 * One timer for all countdowns: sleeps until the next step of any auction, on the database's clock.
 */
import { Countdown } from '../src/auction/countdown.ts';
import type { EndingAnnounced } from '../src/auction/domain-event.ts';
import type { Clock } from '../src/ports.ts';

/** Clocks are corrected now and then: never sleep past a look at them. */
const SLEEP_MAX_MS = 10_000;

export class EndingClock {
  readonly #now: Clock;
  readonly #announce: (events: readonly EndingAnnounced[]) => void;
  #countdown = new Countdown();
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires, on the database's clock. */
  #firesAtMs = Infinity;
  #isRunning = false;

  /** `now` is the database's clock; `announce` gets at least one event a call. */
  constructor(options: {
    readonly now: Clock;
    readonly announce: (events: readonly EndingAnnounced[]) => void;
  }) {
    this.#now = options.now;
    this.#announce = options.announce;
  }

  /** The schedule; call `rearm` after changing it. */
  get countdown(): Countdown {
    return this.#countdown;
  }

  start(): void {
    this.#isRunning = true;
    this.rearm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#disarm();
  }

  /** Forgets every auction. */
  reset(): void {
    this.#countdown = new Countdown();
    this.#disarm();
  }

  /** Sees to it that the timer fires for the next step. Cheap when nothing moved earlier. */
  rearm(): void {
    const nextAtMs = this.#countdown.nextAtMs();
    if (!this.#isRunning || nextAtMs === null || nextAtMs >= this.#firesAtMs) return;
    this.#disarm();
    const nowMs = this.#now();
    const sleepMs = Math.min(Math.max(nextAtMs - nowMs, 0), SLEEP_MAX_MS);
    this.#firesAtMs = nowMs + sleepMs;
    this.#timer = setTimeout(() => {
      this.#fire();
    }, sleepMs);
  }

  #fire(): void {
    this.#disarm();
    const events = this.#countdown.due(this.#now());
    if (events.length > 0) this.#announce(events);
    this.rearm();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesAtMs = Infinity;
  }
}
