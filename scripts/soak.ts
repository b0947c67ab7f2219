/**
 * `npm run test:soak`: hundreds of users with the shipped SDK over two nodes, one beside a primary and one beside its
 * replica, while links are cut, nodes are killed and the database is restarted; on both servers, one after the other.
 * Prints how it goes and then the table; the whole result as JSON, and with `--write`, where it
 * held, the table into `docs/reliability.md`.
 *
 * Usage: node scripts/soak.ts [--minutes 10] [--clients 500] [--flavour mariadb|mysql] [--json FILE] [--write]
 *        `--minutes`: under load, each server; fractions are fine
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { markdownTable, secondsText, writeTable, type TablePlace } from './document-table.ts';

/** One server's result, as test/soak/soak.ts writes it. */
interface Line {
  readonly flavour: string;
  readonly version: string;
  readonly clients: number;
  readonly seconds: number;
  readonly committed: number;
  readonly events: number;
  readonly cuts: number;
  readonly kills: number;
  readonly databaseRestarts: number;
  readonly holds: number;
  readonly recovered: number;
  readonly fallbacks: number;
  readonly lost: number;
  readonly repeated: number;
  readonly invented: number;
  readonly wrongStates: number;
  readonly recoveryMsP50: number;
  readonly recoveryMsP99: number;
}

const PLACE: TablePlace = {
  document: 'docs/reliability.md',
  begin: '<!-- table: npm run test:soak -- --write -->',
  end: '<!-- end of table: soak -->',
};
const COLUMNS: readonly (readonly [head: string, cell: (line: Line) => string])[] = [
  ['server', ({ flavour }) => flavour],
  ['clients', ({ clients }) => count(clients)],
  ['committed', ({ committed }) => count(committed)],
  ['events told', ({ events }) => count(events)],
  ['links cut', ({ cuts }) => count(cuts)],
  ['nodes killed', ({ kills }) => count(kills)],
  ['database restarts', ({ databaseRestarts }) => count(databaseRestarts)],
  ['replica kept behind', ({ holds }) => count(holds)],
  ['recovered', ({ recovered }) => count(recovered)],
  ['fresh state', ({ fallbacks }) => count(fallbacks)],
  ['lost', ({ lost }) => count(lost)],
  ['repeated', ({ repeated }) => count(repeated)],
  ['invented', ({ invented }) => count(invented)],
  ['wrong in the end', ({ wrongStates }) => count(wrongStates)],
  ['back after, median', ({ recoveryMsP50 }) => secondsText(recoveryMsP50)],
  ['99 %', ({ recoveryMsP99 }) => secondsText(recoveryMsP99)],
];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '500' },
    flavour: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const minutes = numberOf('minutes', values.minutes);
const clients = numberOf('clients', values.clients);
const directory = mkdtempSync(join(tmpdir(), 'gavelcast-soak-'));
try {
  const results = join(directory, 'results.jsonl');
  writeFileSync(results, '');
  const reporter = ['--reporter=dot', '--disable-console-intercept'];
  const { status } = spawnSync('vitest', ['run', '--project', 'faults', 'test/soak', ...reporter], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...(values.flavour === undefined ? {} : { GAVELCAST_TEST_FLAVOURS: values.flavour }),
      GAVELCAST_SOAK_SECONDS: String(Math.round(minutes * 60)),
      GAVELCAST_SOAK_CLIENTS: String(clients),
      GAVELCAST_SOAK_RESULTS: results,
    },
  });
  const lines = readFileSync(results, 'utf8').split('\n').filter(Boolean).map(parsed);
  process.stdout.write(`\n${table(lines)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(lines, null, 2)}\n`);
  // Documents say what holds: a run that failed is none.
  if (values.write && status === 0) writeResults(lines);
  process.exitCode = status ?? 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name} needs a positive number, not ${text}`);
}

/** The lines are our own tests' writing. */
function parsed(text: string): Line {
  return JSON.parse(text) as Line;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

/** A row for each figure, a column for each server. */
function table(lines: readonly Line[]): string {
  return markdownTable(
    COLUMNS.map(([head, cell]) => [head, ...lines.map(cell)]),
    1,
  );
}

function writeResults(lines: readonly Line[]): void {
  const versions = lines.map((line) => `${line.flavour} ${line.version}`).join(', ');
  const now = new Date().toISOString().slice(0, 10);
  const measured = `Measured ${now} on ${versions}, ${minutes} minutes under load each.`;
  writeTable(PLACE, measured, table(lines));
}
