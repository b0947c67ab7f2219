/**
 * Child of `recovery.ts`: one client that stays, in a process of its own so that nobody else's work delays it. Notes how
 * long each bid of its item took from publishing to here.
 */
import { connectRawWatcher } from '../test/support/raw-watcher.ts';
import type { Message } from './pinned-process.ts';
import { summarise, type Summary } from './statistics.ts';

export interface Watch extends Message {
  readonly type: 'watch';
  readonly port: number;
  readonly token: string;
  readonly itemId: number;
}

export interface Watching extends Message {
  readonly type: 'watching';
}

/** Forgets what it has heard so far. */
export interface Reset extends Message {
  readonly type: 'reset';
}

export interface Forgotten extends Message {
  readonly type: 'forgotten';
}

/** Asks for a summary of what it has heard since. */
export interface Hear extends Message {
  readonly type: 'hear';
}

export interface Heard extends Message {
  readonly type: 'heard';
  /** Milliseconds. */
  readonly latency: Summary;
}

/** When a bid was published stands in its `timestamp`. */
const TIMESTAMP = Buffer.from('"timestamp":"');
const TIMESTAMP_LENGTH = 24;

let latencies: number[] = [];

process.on('message', (message: Watch | Reset | Hear) => {
  switch (message.type) {
    case 'watch':
      void watch(message);
      return;
    case 'reset':
      latencies = [];
      say({ type: 'forgotten' });
      return;
    case 'hear':
      say({ type: 'heard', latency: summarise(Float64Array.from(latencies)) });
  }
});
process.on('disconnect', () => process.exit());

async function watch({ port, token, itemId }: Watch): Promise<void> {
  await connectRawWatcher({
    port,
    token,
    messages: [JSON.stringify({ action: 'subscribe', itemId })],
    onText: (payload) => {
      const at = payload.indexOf(TIMESTAMP);
      if (at === -1) return;
      const from = at + TIMESTAMP.length;
      latencies.push(
        Date.now() - Date.parse(payload.toString('latin1', from, from + TIMESTAMP_LENGTH)),
      );
    },
  });
  say({ type: 'watching' });
}

function say(message: Watching | Forgotten | Heard): void {
  process.send?.(message);
}
