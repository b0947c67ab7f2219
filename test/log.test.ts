import { describe, expect, test } from 'vitest';

import { createLog } from '../src/log.ts';
import type { LogConfig } from '../src/config.ts';
import type { Log } from '../src/ports.ts';

function written(
  config: Partial<LogConfig>,
  isTerminal: boolean,
  write: (log: Log) => void,
): string {
  let text = '';
  const target = {
    isTerminal,
    write: (line: string) => {
      text += line;
    },
  };
  const { log, flush } = createLog({ level: 'info', format: 'auto', ...config }, target, {
    colour: false,
  });
  write(log);
  flush();
  return text;
}

function parsed(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

test('JSON: one object a line, the event name as msg, the level as a word', () => {
  const text = written({ format: 'json' }, true, (log) => {
    log.child({ part: 'feed' }).warn({ lagMs: 7 }, 'source silent');
    log.info({}, 'listening');
  });
  expect(parsed(text)).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      part: 'feed',
      lagMs: 7,
      msg: 'source silent',
    },
    { level: 'info', time: expect.any(String) as string, msg: 'listening' },
  ]);
});

test('auto is pretty on a terminal and JSON elsewhere', () => {
  const write = (log: Log): void => {
    log.info({ lagMs: 7 }, 'tailing');
  };
  expect(written({}, false, write)).toMatch(/^\{"level":"info"/);
  expect(written({}, true, write)).toMatch(
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: tailing \{"lagMs":7\}\n$/,
  );
  expect(written({ format: 'pretty' }, false, write)).toContain('INFO: tailing');
});

test('a sentence stands for its event on a terminal, and beside it in JSON', () => {
  const write = (log: Log): void => {
    log.info({ url: 'ws://x', text: 'listening on ws://x' }, 'listening');
    log.info({}, 'next');
  };
  expect(written({}, true, write)).toMatch(/INFO: listening on ws:\/\/x\n\[.*INFO: next\n$/);
  expect(parsed(written({}, false, write))[0]).toMatchObject({
    text: 'listening on ws://x',
    msg: 'listening',
  });
});

test('lines below the level are not written', () => {
  const text = written({ level: 'error' }, false, (log) => {
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    log.fatal({}, 'e');
  });
  expect(parsed(text)).toMatchObject([{ msg: 'd' }, { msg: 'e' }]);
});

test('the level changes while it runs, for children too, and back', () => {
  for (const [configured, other] of [
    ['error', 'debug'],
    ['debug', 'info'],
  ] as const) {
    let text = '';
    const target = { isTerminal: false, write: (line: string) => (text += line) };
    const { log, toggleDebug } = createLog({ level: configured, format: 'json' }, target);
    const child = log.child({ part: 'feed' });
    const all = (): string => {
      text = '';
      for (const of of [log, child]) {
        of.debug({}, 'd');
        of.info({}, 'i');
        of.error({}, 'e');
      }
      return parsed(text)
        .map((line) => (line as { msg: string }).msg)
        .join('');
    };
    const before = all();
    expect(toggleDebug()).toBe(other);
    expect(all()).toBe(other === 'debug' ? 'diedie' : 'ieie');
    expect(toggleDebug()).toBe(configured);
    expect(all()).toBe(before);
  }
});

describe('what must not be written', () => {
  const CANARY = 'kanarienvogel';

  test.each([true, false])('secrets by their field names (terminal: %s)', (isTerminal) => {
    const text = written({ level: 'debug' }, isTerminal, (log) => {
      for (const name of [
        'password',
        'secret',
        'token',
        'authorization',
        'cookie',
        'passwd',
        'jwt',
      ]) {
        log.info({ [name]: CANARY }, 'top');
        log.info({ inner: { [name]: CANARY } }, 'inner');
      }
    });
    expect(text).toContain('(hidden)');
    expect(text).not.toContain(CANARY);
  });

  test('what vendors hang on their errors, causes included', () => {
    const cause = Object.assign(new Error('inner'), { sql: CANARY, code: 'ER_X' });
    const error = Object.assign(new Error('outer', { cause }), {
      sqlMessage: CANARY,
      packet: { CANARY },
    });
    const text = written({}, false, (log) => {
      log.error({ err: error }, 'failed');
    });
    expect(text).not.toContain(CANARY);
    expect(parsed(text)).toMatchObject([
      { err: { type: 'Error', message: 'outer', cause: { message: 'inner', code: 'ER_X' } } },
    ]);
  });
});
