/**
 * Child of `recovery.ts`: one client that stays, in a process of its own so that nobody else's work delays it. Notes how
 * long each bid of its item took from publishing to here.
 */
import { connectRawWatcher } from '../test/support/raw-watcher.ts';
import { summarise } from './statistics.ts';

export interface WitnessPlan {
  readonly port: number;
  readonly token: string;
  readonly itemId: number;
}

/** When a bid was published stands in its `timestamp`. */
const TIMESTAMP = Buffer.from('"timestamp":"');
const TIMESTAMP_LENGTH = 24;

let latencies: number[] = [];

process.on('message', (heard: WitnessPlan | 'reset' | 'report') => {
  if (heard === 'reset') {
    latencies = [];
    process.send?.({ kind: 'reset' });
  } else if (heard === 'report') {
    const { p50, p99, max } = summarise(Float64Array.from(latencies));
    process.send?.({ kind: 'report', p50, p99, max });
  } else void watch(heard);
});

async function watch({ port, token, itemId }: WitnessPlan): Promise<void> {
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
  process.send?.({ kind: 'ready' });
}
