/**
 * Notices that the server went silent. It counts ticks without a byte instead of comparing clocks, so that a clock that
 * jumps, or a program that was itself asleep, does not look like a dead server: one long sleep is one tick.
 */
export interface SilenceOptions {
  /** Milliseconds between the server's heartbeats. */
  readonly periodMs: number;
  /** Milliseconds that opening the stream may take beyond the silent periods. */
  readonly openingMs: number;
  /** Bytes received so far; 0 until the stream is open. */
  readonly bytesRead: () => number;
  /** True while we do not read: then silence means nothing. */
  readonly isPaused: () => boolean;
  readonly onSilence: (reason: string) => void;
}

const SILENT_PERIODS_MAX = 3;
const TICKS_A_PERIOD = 2;

export class SilenceWatch {
  readonly #options: SilenceOptions;
  #timer: NodeJS.Timeout | null = null;
  #bytes = 0;
  #silentTicks = 0;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#tick();
    }, this.#options.periodMs / TICKS_A_PERIOD);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const { bytesRead, isPaused, periodMs, openingMs, onSilence } = this.#options;
    const bytes = bytesRead();
    if (bytes !== this.#bytes || isPaused()) {
      this.#bytes = bytes;
      this.#silentTicks = 0;
      return;
    }
    this.#silentTicks += 1;
    const isOpen = bytes > 0;
    const silentMax = SILENT_PERIODS_MAX + (isOpen ? 0 : Math.ceil(openingMs / periodMs));
    if (this.#silentTicks < silentMax * TICKS_A_PERIOD) return;
    this.stop();
    const silentMs = silentMax * periodMs;
    onSilence(`nothing came from the server for ${silentMs.toString()} ms, not even a heartbeat`);
  }
}
