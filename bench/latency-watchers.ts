/**
 * Child of `latency.ts`: a thousand bare-socket watchers of one item. Notes when each frame of each bid arrives, on the
 * monotonic clock that all processes of one machine share, and reports at the end.
 */
import type { Socket } from 'node:net';

import { connectRawWatcher } from '../test/support/raw-watcher.ts';

interface Start {
  readonly port: number;
  readonly tokens: readonly string[];
  readonly itemId: number;
  readonly bids: number;
}

const MARKER = Buffer.from('"bidId":');

process.once('message', (start: Start) => {
  void run(start);
});

async function run(start: Start): Promise<void> {
  const expected = start.tokens.length * start.bids;
  const arrivals = new Float64Array(expected);
  const bidIds = new Float64Array(expected);
  let count = 0;
  let subscribed = 0;
  const sockets: Socket[] = [];
  for (const token of start.tokens) {
    sockets.push(
      await connectRawWatcher({
        port: start.port,
        token,
        messages: [JSON.stringify({ action: 'subscribe', itemId: start.itemId })],
        onText: (payload) => {
          const at = payload.indexOf(MARKER);
          if (at < 0) {
            if (payload.includes('"type":"subscribed"')) subscribed += 1;
            return;
          }
          arrivals[count] = Number(process.hrtime.bigint()) / 1e6;
          bidIds[count] = Number.parseInt(payload.toString('latin1', at + MARKER.length), 10);
          count += 1;
          if (count === expected) finish();
        },
      }),
    );
  }
  const poll = setInterval(() => {
    if (subscribed < start.tokens.length) return;
    clearInterval(poll);
    process.send?.({ type: 'subscribed' });
  }, 20);

  const finish = (): void => {
    for (const socket of sockets) socket.destroy();
    const cpu = process.cpuUsage();
    const cpuMs = (cpu.user + cpu.system) / 1000;
    // A disconnect right behind a message of megabytes would cut it off.
    process.send?.({ type: 'done', arrivals, bidIds, cpuMs }, () => {
      process.disconnect();
    });
  };
}
