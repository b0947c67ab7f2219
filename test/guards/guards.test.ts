/** Each guard passes a sound project and fails it for one planted fault, by the rule that is meant. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { ARCHITECTURE_SCRIPT, PlantedProject } from './planted-project.ts';
import type { Verdict } from './planted-project.ts';

// Each starts a compiler or a linter, some of them several.
vi.setConfig({ testTimeout: 180_000 });

type Files = Readonly<Record<string, string>>;

const GUARDS: Readonly<Record<string, (project: PlantedProject) => Verdict>> = {
  types: (project) => project.run('tsc', '-p', 'tsconfig.json'),
  'types of the page': (project) => project.run('tsc', '-p', 'tsconfig.browser.json'),
  lint: (project) => project.run('eslint', '.', '--max-warnings', '0'),
  format: (project) => project.run('prettier', '--check', '.'),
  arch: (project) => project.run('node', ARCHITECTURE_SCRIPT, '.'),
  knip: (project) => project.run('knip', '--include', 'files,exports,types'),
};

const IN = 'src/auction/planted.ts';
const SUM = 'export const sum = (a: number, b: number): number => a + b;\n';

function lines(count: number, text: string): string {
  return `${text}\n`.repeat(count);
}

function guard(name: string, files: Files): Verdict {
  const run = GUARDS[name];
  if (run === undefined) throw new Error(`no guard ${name}`);
  using project = new PlantedProject(files);
  return run(project);
}

test.each(Object.keys(GUARDS))('%s passes a sound project', (name) => {
  const { passed, output } = guard(name, {});
  expect(passed, output).toBe(true);
});

test.each<[guard: string, fault: string, sign: RegExp, files: Files]>([
  ['types', 'a wrong type', /TS2322/, { [IN]: `export const count: number = 'one';\n` }],
  [
    'types',
    'an index that may be missing',
    /TS2322/,
    { [IN]: 'export const at = (of: string[]): string => of[0];\n' },
  ],
  [
    'types',
    'syntax that is not erasable',
    /TS1294/,
    { [IN]: 'export enum Fruit {\n  Apple,\n}\n' },
  ],
  [
    'types',
    'the DOM outside the page',
    /TS2584/,
    { 'server/planted.ts': 'document.title = "";\n' },
  ],
  [
    'types of the page',
    'Node in the page',
    /TS2(580|591)/,
    { 'demo/page/main.ts': 'process.exit();\n' },
  ],
  ['format', 'an unformatted file', /planted\.ts/, { [IN]: 'export const   count = "one"\n' }],
  [
    'knip',
    'an unused export',
    /sum/,
    { 'cdc/answer.ts': `${SUM}\nexport const answer = (): string => '42';\n` },
  ],
  ['knip', 'an unused file', /planted\.ts/, { [IN]: SUM }],
])('%s fails for %s', (name, _fault, sign, files) => {
  const { passed, output } = guard(name, files);
  expect(output).toMatch(sign);
  expect(passed).toBe(false);
});

/** Modules that are imported by the faults below, and are sound by themselves. */
const ARCH_TARGETS = [
  'src/port.ts',
  'src/protocol/wire.ts',
  'src/commands/command.ts',
  'server/socket.ts',
  'test/fixture.ts',
  'test/support/fixture.ts',
];

/** One fault a file, so that one run shows them all. `type` marks a type-only import. */
const ARCH_FAULTS: readonly (readonly [rule: string, from: string, imported: string])[] = [
  ['cdc-on-src', 'cdc/imports-server.ts', '../server/socket.ts'],
  ['server-on-src', 'server/imports-cdc.ts', '../cdc/answer.ts'],
  ['cdc-on-src', 'cdc/imports-type.ts', 'type ../server/socket.ts'],
  ['src-stays-inside', 'src/imports-cdc.ts', '../cdc/answer.ts'],
  ['auction-is-pure', 'src/auction/imports-port.ts', '../port.ts'],
  ['auction-is-pure', 'src/auction/imports-library.ts', 'zod'],
  ['topics-on-auction', 'src/topics/imports-protocol.ts', '../protocol/wire.ts'],
  ['protocol-on-auction', 'src/protocol/imports-port.ts', '../port.ts'],
  ['client-on-protocol', 'client/imports-library.ts', 'ws'],
  ['nobody-imports-the-wiring', 'cdc/imports-command.ts', '../src/commands/command.ts'],
  [
    'nobody-imports-test-bench-demo-deploy',
    'src/commands/imports-test.ts',
    '../../test/fixture.ts',
  ],
  ['nobody-imports-test-bench-demo-deploy', 'bench/imports-demo.ts', '../demo/page/main.ts'],
  ['test-support-for-bench-and-demo', 'server/imports-support.ts', '../test/support/fixture.ts'],
  ['vendors-stay-in-cdc', 'server/imports-driver.ts', 'mysql2'],
  ['vendors-stay-in-server', 'cdc/imports-sockets.ts', 'ws'],
  ['no-development-dependencies', 'server/imports-tool.ts', 'fast-check'],
  ['no-cycles', 'cdc/cycle-a.ts', './cycle-b.ts'],
  ['resolvable', 'cdc/imports-nothing.ts', './nowhere.ts'],
];

test('arch fails for each rule, at the planted place', () => {
  const files = new Map<string, string>();
  for (const path of ARCH_TARGETS) files.set(path, 'export type Sum = number;\n');
  for (const [, from, imported] of ARCH_FAULTS) {
    const typed = /^type (.*)$/.exec(imported)?.[1];
    const sideEffect = `import '${imported}';\n`;
    files.set(from, typed === undefined ? sideEffect : `export type { Sum } from '${typed}';\n`);
  }
  files.set('cdc/cycle-b.ts', `import './cycle-a.ts';\n`);
  const { passed, output } = guard('arch', Object.fromEntries(files));
  expect(passed).toBe(false);
  const found = output.split('\n').map((line) => line.replace(/ → .*: /, ' '));
  for (const [rule, from] of ARCH_FAULTS) expect(found).toContain(`${from} ${rule}`);
});

/** One fault a file, so that one run of the linter, which has to load all types, shows them all. */
const LINT_FAULTS: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['no-console', 'server/console.ts', `console.log('here');\n`],
  ['no-restricted-syntax', 'server/default.ts', 'export default 1;\n'],
  ['max-lines', 'server/long.ts', lines(401, 'export {};')],
  [
    'max-lines-per-function',
    'server/tall.ts',
    `export function tall(): void {\n${lines(61, "  'x'.trim();")}}\n`,
  ],
  [
    '@typescript-eslint/no-explicit-any',
    'server/any.ts',
    'export const loose = (value: any): unknown => value;\n',
  ],
  [
    '@typescript-eslint/no-non-null-assertion',
    'server/bang.ts',
    'export const first = (of: string[]): string => of[0]!;\n',
  ],
  ['@typescript-eslint/no-floating-promises', 'server/floating.ts', 'Promise.resolve(1);\n'],
  [
    '@typescript-eslint/return-await',
    'server/await.ts',
    'export async function later(of: Promise<number>): Promise<number> {\n  try {\n    return of;\n  } catch {\n    return await of;\n  }\n}\n',
  ],
  [
    '@typescript-eslint/switch-exhaustiveness-check',
    'server/switch.ts',
    "export function pick(of: 'a' | 'b'): void {\n  switch (of) {\n    case 'a':\n      break;\n  }\n}\n",
  ],
  [
    'no-restricted-properties',
    'src/auction/clock.ts',
    'export const now = (): number => Date.now();\n',
  ],
  ['no-restricted-syntax', 'src/topics/date.ts', 'export const now = (): Date => new Date();\n'],
  [
    'no-restricted-properties',
    'src/protocol/random.ts',
    'export const chance = (): number => Math.random();\n',
  ],
  [
    'no-restricted-globals',
    'src/auction/process.ts',
    'export const id = (): number => process.pid;\n',
  ],
  [
    'no-restricted-globals',
    'src/auction/global.ts',
    'export const id = (): number => globalThis.process.pid;\n',
  ],
  ['no-restricted-globals', 'src/topics/timer.ts', 'setTimeout(() => undefined, 1);\n'],
  ['no-restricted-imports', 'src/protocol/node.ts', "export { join } from 'node:path';\n"],
  ['no-restricted-imports', 'src/auction/bare.ts', "export { join } from 'path';\n"],
];

test('lint fails for each custom rule, at the planted place', () => {
  const files = Object.fromEntries(LINT_FAULTS.map(([, path, text]) => [path, text]));
  using project = new PlantedProject(files);
  const { passed, output } = project.run('eslint', '.', '--format', 'json');
  expect(passed).toBe(false);
  const found = parseLint(output);
  for (const [rule, path] of LINT_FAULTS) expect(found).toContain(`${path} ${rule}`);
});

test('arch fails when it finds nothing to look at', () => {
  using project = new PlantedProject();
  project.empty();
  const { passed, output } = project.run('node', ARCHITECTURE_SCRIPT, '.');
  expect(output).toMatch(/nothing was looked at/);
  expect(passed).toBe(false);
});

test('arch fails when it is blind to TypeScript', () => {
  const settings = readFileSync(new URL('../../.dependency-cruiser.cjs', import.meta.url), 'utf8');
  const blind = settings.replace('options: {', "options: { exclude: { path: '[.]ts' },");
  using project = new PlantedProject({ '.dependency-cruiser.cjs': blind });
  const { passed, output } = project.run('node', ARCHITECTURE_SCRIPT, '.');
  expect(output).toMatch(/src\/main\.ts: its imports were not looked at/);
  expect(passed).toBe(false);
});

test('no project may retry tests, and none may pass without tests', () => {
  const settings = readFileSync(new URL('../../vitest.config.ts', import.meta.url), 'utf8');
  expect(settings).toContain('retry: 0');
  expect(settings).toContain('passWithNoTests: false');
});

/** ESLint's JSON report → `path rule` for every finding. */
function parseLint(output: string): string[] {
  const report: unknown = JSON.parse(output);
  if (!Array.isArray(report)) throw new Error(output);
  return report.flatMap((file: unknown) => {
    const path = String(field(file, 'filePath')).replace(/^.*gavelcast-guard-[^/]+\//, '');
    const messages = field(file, 'messages');
    return (Array.isArray(messages) ? messages : []).map(
      (message: unknown) => `${path} ${String(field(message, 'ruleId'))}`,
    );
  });
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
}
