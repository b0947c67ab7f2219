/**
 * The server under attack, in a process of its own: the real gateway over a book in memory, publishing an event every
 * 20 ms to whoever watches item 1. Says its port, its counts and its memory when asked. The first argument: gateway
 * options as JSON, over the ones here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayOptions } from '../../../server/gateway-options.ts';
import { GatewayHarness, OPTIONS } from '../../server/support/gateway-harness.ts';
import { bidPlaced } from '../../server/support/events.ts';

const EVENT_EVERY_MS = 20;
const ITEMS = 1000;

const given = JSON.parse(process.argv[2] ?? '{}') as Partial<GatewayOptions>;
const harness = await GatewayHarness.start({
  messageBurstMax: 200,
  messagesPerSecondMax: 20,
  handshakesMax: 2000,
  connectionsMax: 20_000,
  addressLimits: {
    ...OPTIONS.addressLimits,
    connectionsMax: 6000,
    newPerSecondMax: 5000,
    failuresMax: 20,
  },
  ...given,
});
for (let itemId = 1; itemId <= ITEMS; itemId += 1) harness.reads.list(itemId);

process.on('message', (message) => {
  if (message === 'measure') void measure();
  if (message === 'stop') process.exit(0);
});
process.send?.({ port: harness.port });

async function measure(): Promise<void> {
  globalThis.gc?.();
  await delay(50);
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ rss, heapUsed, stats: harness.gateway.stats() });
}

// The amount carries the moment of publishing: ms of the monotonic clock, which all processes here share.
setInterval(() => {
  const nowMs = Number(process.hrtime.bigint()) / 1e6;
  harness.publish(bidPlaced(1, 4, nowMs.toFixed(2)));
}, EVENT_EVERY_MS);
