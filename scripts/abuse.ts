/**
 * `npm run test:abuse`: every attack with thousands of hostile sockets, and what came of it.
 *
 * Usage: npm run test:abuse [-- --sockets 5000 --per-second 500 --only 'binary frames']
 */
import { parseArgs } from 'node:util';
import { ATTACKS, type AttackName } from '../test/security/support/attacker.ts';
import { Target, type Felt } from '../test/security/support/abuse.ts';

const { values: options } = parseArgs({
  options: {
    sockets: { type: 'string', default: '5000' },
    'per-second': { type: 'string', default: '500' },
    only: { type: 'string' },
  },
});
const attack = {
  count: Number(options.sockets),
  openedPerSecond: Number(options['per-second']),
  watchedMs: 4000,
};
const names = (Object.keys(ATTACKS) as AttackName[]).filter(
  (name) => options.only === undefined || name === options.only,
);
const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;
const felt = (each: Felt): string[] => [each.p99Ms.toFixed(1), each.connectMs.toFixed(0)];

process.stdout.write(
  `${attack.count} hostile sockets of each kind, ${attack.openedPerSecond} a second. Of an honest client, in ms:\n` +
    `p99 of its events and its slowest connect, calm → while they come → while they are there.\n\n` +
    '| attack | how they ended | heap | resident | p99 | slowest connect |\n|---|---|---|---|---|---|\n',
);
for (const name of names) {
  await using target = await Target.start();
  const it = await target.suffer(name, attack);
  const endings = Object.entries(it.endings).map(([ending, n]) => `${ending}: ${n}`);
  const [calm, arriving, held] = [felt(it.calm), felt(it.arriving), felt(it.held)];
  const cells = [
    name,
    endings.join(', '),
    `${megabytes(it.heapBefore)} → ${megabytes(it.heapAfter)}`,
    `${megabytes(it.rssBefore)} → ${megabytes(it.rssAfter)}`,
    ...[0, 1].map((at) => [calm, arriving, held].map((each) => each[at]).join(' → ')),
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
