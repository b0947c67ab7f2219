/**
 * Ctrl-C. The first one ends the demo in good order, another one ends the process at once.
 *
 * Run through npm, one Ctrl-C arrives twice: from the terminal, which sends it to all its processes, and from npm, which
 * passes its own on. Signals this close together are therefore one.
 */
const SAME_MS = 400;

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Back to the defaults. */
  dispose(): void;
}

/** Listens to SIGINT, SIGTERM and SIGHUP (a closed terminal) until disposed. */
export function watchForInterrupt(): Interrupt {
  const controller = new AbortController();
  let firstAtMs = 0;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (!controller.signal.aborted) {
      firstAtMs = nowMs;
      controller.abort();
    } else if (nowMs - firstAtMs > SAME_MS) {
      process.exit(130);
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
