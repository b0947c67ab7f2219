/**
 * Entry of a worker process. Its primary speaks to it on descriptor 3; nothing else is read, neither files nor environment.
 */
import { Socket } from 'node:net';
import { holdYoungGeneration } from '../young-generation.ts';
import { CHANNEL_FD } from './worker-message.ts';
import { Worker } from './worker.ts';

holdYoungGeneration();

const worker = new Worker(new Socket({ fd: CHANNEL_FD }), {
  now: Date.now,
  exit: (code) => {
    process.exit(code);
  },
});

// The primary is told to stop, to reload, to log more; it tells its workers. A terminal or a service manager may signal
// the whole group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) {
  process.on(signal, () => undefined);
}
// Rejections that nobody handles come here, too.
process.on('uncaughtException', (error) => {
  worker.fail(error);
});
