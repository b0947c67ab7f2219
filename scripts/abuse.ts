/**
 * `npm run test:abuse`: every attack with thousands of hostile sockets, and what came of it.
 *
 * Usage: node scripts/abuse.ts [sockets]
 */
import { ATTACKS, type AttackName } from '../test/security/support/attacker.ts';
import { Target } from '../test/security/support/abuse.ts';

const count = Number(process.argv[2] ?? 5000);
const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;
const names = Object.keys(ATTACKS) as AttackName[];

process.stdout.write(
  `${count} hostile sockets of each kind; p99 in ms of an honest client's events\n\n`,
);
process.stdout.write(
  '| attack | how they ended | heap | resident | p99 calm → during | slowest connect |\n',
);
process.stdout.write('|---|---|---|---|---|---|\n');
for (const name of names) {
  await using target = await Target.start();
  const it = await target.suffer(name, count);
  const endings = Object.entries(it.endings).map(([ending, n]) => `${ending}: ${n}`);
  const heap = `${megabytes(it.heapBefore)} → ${megabytes(it.heapAfter)}`;
  const rss = `${megabytes(it.rssBefore)} → ${megabytes(it.rssAfter)}`;
  const cells = [
    name,
    endings.join(', '),
    heap,
    rss,
    `${it.p99CalmMs} → ${it.p99Ms}`,
    `${it.connectMs.toFixed(0)} ms`,
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
