/**
 * docs/logs.md against every call of the log in the program, found by reading its syntax.
 */
import { globSync, readFileSync } from 'node:fs';

import * as ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('..', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'];
/** Passes on what others log. */
const PASSED_ON = 'src/recent-log.ts';
/** `end('name')` there is logged by `serve` as a fatal line with `err`. */
const NAMED_ELSEWHERE = 'src/commands/interruption.ts';

interface LogCall {
  readonly file: string;
  /** Null where it is computed. */
  readonly level: string | null;
  readonly event: string;
  readonly fields: readonly string[];
}

function* callsIn(node: ts.Node): Generator<ts.CallExpression> {
  if (ts.isCallExpression(node)) yield node;
  for (const child of node.getChildren()) yield* callsIn(child);
}

/** `log.warn`, `deps.log?.warn`, `this.#deps.log[level]`. */
function levelOf({ expression }: ts.CallExpression): string | null | undefined {
  const isLog = (of: ts.Expression): boolean => /(^|[.#])(log|inner)$/.test(of.getText());
  if (ts.isPropertyAccessExpression(expression)) {
    const { text } = expression.name;
    return LEVELS.includes(text) && isLog(expression.expression) ? text : undefined;
  }
  if (ts.isElementAccessExpression(expression) && isLog(expression.expression)) return null;
  return undefined;
}

function fieldsOf(argument: ts.Expression, where: string): string[] {
  if (!ts.isObjectLiteralExpression(argument))
    throw new Error(`${where}: fields must be written out`);
  return argument.properties.map((property) => property.name?.getText() ?? '...');
}

const calls: LogCall[] = [];
for (const file of globSync('{src,cdc,server}/**/*.ts', { cwd: ROOT })) {
  if (file === PASSED_ON || file.startsWith('server/admin-page/')) continue;
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  for (const call of callsIn(source)) {
    const [first, second] = call.arguments;
    if (first === undefined) continue;
    if (
      file === NAMED_ELSEWHERE &&
      call.expression.getText() === 'end' &&
      ts.isStringLiteral(first)
    ) {
      calls.push({ file, level: 'fatal', event: first.text, fields: ['err'] });
    }
    const level = levelOf(call);
    if (level === undefined || second === undefined) continue;
    if (file === 'src/commands/serve.ts' && second.getText() === 'event') continue;
    if (!ts.isStringLiteral(second)) throw new Error(`${file}: ${second.getText()} is no name`);
    calls.push({
      file,
      level,
      event: second.text,
      fields: fieldsOf(first, `${file}: ${second.text}`),
    });
  }
}

interface Row {
  readonly levels: readonly string[];
  readonly fields: readonly string[];
  readonly meaning: string;
}

const rows = new Map<string, Row>();
for (const line of read('docs/logs.md').split('\n')) {
  const [, event, levels, fields, meaning] = line.split('|').map((cell) => cell.trim());
  const name = /^`(.+)`$/.exec(event ?? '')?.[1];
  if (name === undefined) continue;
  expect(rows.has(name), `two rows for ${name}`).toBe(false);
  rows.set(name, {
    levels: (levels ?? '').split(', '),
    fields: [...(fields ?? '').matchAll(/`(\w+)`/g)].map(([, field]) => field ?? '').sort(),
    meaning: meaning ?? '',
  });
}
const events = [...new Set(calls.map(({ event }) => event))].sort();

test('the log calls of the program were found', () => {
  expect(calls.length).toBeGreaterThan(40);
  expect(events).toContain('uncaught exception');
});

test('every event has a row, and every row an event', () => {
  expect([...rows.keys()].sort()).toEqual(events);
});

describe.each(events)('%s', (event) => {
  const ofEvent = calls.filter((call) => call.event === event);
  const row = rows.get(event);

  test('is words in lower case', () => {
    expect(event).toMatch(/^[a-z]+( [a-z]+)*$/);
  });

  test('has its levels and fields, and words about what to do', () => {
    const levels = new Set(ofEvent.map(({ level }) => level));
    if (levels.has(null)) expect(row?.levels.length).toBeGreaterThan(1);
    else expect(row?.levels).toEqual([...levels]);
    for (const level of row?.levels ?? []) expect(LEVELS).toContain(level);
    const fields = new Set(ofEvent.flatMap((call) => call.fields));
    fields.delete('text');
    expect(row?.fields).toEqual([...fields].sort());
    expect(row?.meaning).toMatch(/\.$/);
  });

  test('has no field for a secret or for the value of a row', () => {
    for (const { fields } of ofEvent) {
      for (const field of fields) {
        expect(field).not.toMatch(
          /token|password|secret|name|mail|amount|price|title|sql|query|^row$/i,
        );
      }
    }
  });
});
