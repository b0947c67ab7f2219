/**
 * Child of `latency.ts`: a thousand bare-socket watchers of one item. Notes when each frame of each bid arrives, on the
 * monotonic clock that all processes of one machine share, and reports once all have come.
 */
import { connectRawWatcher } from '../test/support/raw-watcher.ts';
import { until } from '../test/support/until.ts';
import type { Message } from './pinned-process.ts';

export interface Watch extends Message {
  readonly type: 'watch';
  readonly port: number;
  readonly tokens: readonly string[];
  readonly itemId: number;
  readonly bids: number;
}

export interface Watching extends Message {
  readonly type: 'watching';
}

/** Asks for what came, once all of it has. */
export interface Hear extends Message {
  readonly type: 'hear';
}

export interface Heard extends Message {
  readonly type: 'heard';
  /** When each frame came, and which bid it told, pairwise. */
  readonly arrivals: Float64Array;
  readonly bidIds: Float64Array;
  readonly cpuMs: number;
}

const MARKER = Buffer.from('"bidId":');

let arrivals = new Float64Array();
let bidIds = new Float64Array();
let count = 0;
let subscribed = 0;
let isAsked = false;

process.on('message', (message: Watch | Hear) => {
  switch (message.type) {
    case 'watch':
      void watch(message);
      return;
    case 'hear':
      isAsked = true;
      tellIfHeard();
  }
});
process.on('disconnect', () => process.exit());

async function watch({ port, tokens, itemId, bids }: Watch): Promise<void> {
  const due = tokens.length * bids;
  arrivals = new Float64Array(due);
  bidIds = new Float64Array(due);
  const messages = [JSON.stringify({ action: 'subscribe', itemId })];
  for (const token of tokens) await connectRawWatcher({ port, token, messages, onText: hear });
  await until(() => subscribed === tokens.length, {
    what: () => `${tokens.length} subscriptions, of which there are ${subscribed}`,
  });
  const watching: Watching = { type: 'watching' };
  process.send?.(watching);
}

function hear(payload: Buffer): void {
  const at = payload.indexOf(MARKER);
  if (at < 0) {
    if (payload.includes('"type":"subscribed"')) subscribed += 1;
    return;
  }
  arrivals[count] = Number(process.hrtime.bigint()) / 1e6;
  bidIds[count] = Number.parseInt(payload.toString('latin1', at + MARKER.length), 10);
  count += 1;
  tellIfHeard();
}

function tellIfHeard(): void {
  if (!isAsked || count !== arrivals.length) return;
  const { user, system } = process.cpuUsage();
  const heard: Heard = { type: 'heard', arrivals, bidIds, cpuMs: (user + system) / 1000 };
  process.send?.(heard);
}
