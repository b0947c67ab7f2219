import { expect, test } from 'vitest';

import type { Log } from '../src/ports.ts';
import { rememberLines } from '../src/recent-log.ts';

function setUp(): { written: unknown[][]; inner: Log } {
  const written: unknown[][] = [];
  const make = (part: unknown): Log => {
    const at =
      (level: string) =>
      (fields: object, event: string): void => {
        written.push([part, level, fields, event]);
      };
    const levels = { debug: at('debug'), info: at('info'), warn: at('warn') };
    return { ...levels, error: at('error'), fatal: at('fatal'), child: (fields) => make(fields) };
  };
  return { written, inner: make(null) };
}

test('every line is passed on as it is; of warnings and worse the newest are remembered', () => {
  const { written, inner } = setUp();
  const { log, counts, lines } = rememberLines(inner, () => 7);
  const feed = log.child({ part: 'feed' });
  feed.debug({ a: 1 }, 'items read');
  feed.info({}, 'source streaming');
  feed.warn({ text: 'x'.repeat(1000), password: 'no' }, 'schema changed');
  log.error({ code: 'SOURCE_SILENT', attempt: 9 }, 'source retry');
  log.fatal({ err: new Error('secret') }, 'feed halted');
  expect(written.map(([part, level]) => [part, level])).toEqual([
    [{ part: 'feed' }, 'debug'],
    [{ part: 'feed' }, 'info'],
    [{ part: 'feed' }, 'warn'],
    [null, 'error'],
    [null, 'fatal'],
  ]);
  expect(Object.fromEntries(counts)).toEqual({ warn: 1, error: 1, fatal: 1 });
  expect(lines()).toEqual([
    { atMs: 7, level: 'fatal', event: 'feed halted', code: null, text: null },
    { atMs: 7, level: 'error', event: 'source retry', code: 'SOURCE_SILENT', text: null },
    { atMs: 7, level: 'warn', event: 'schema changed', code: null, text: 'x'.repeat(300) },
  ]);
  for (let more = 0; more < 200; more += 1) log.warn({}, 'again');
  expect(lines()).toHaveLength(50);
});
