/** Whoever waits for a process of a benchmark is told when nothing will come. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

import { connectionsWithin, PinnedProcess } from '../../bench/pinned-process.ts';

/** A process that says `heard` to everything and ends when it is told to. */
const ECHO = `process.on('message', ({ type }) => {
  if (type === 'end') process.exit();
  process.send({ type: 'heard' });
});`;

function echo(): PinnedProcess {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-bench-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const script = join(directory, 'echo.js');
  writeFileSync(script, ECHO);
  return new PinnedProcess(pathToFileURL(script).href, 'generator');
}

test('an answer that does not come fails by its deadline', async () => {
  await using process = echo();
  await expect(process.ask({ type: 'any' }, 'never', 1)).rejects.toThrow(
    `has not said 'never' within 1 ms`,
  );
  await expect(process.ask({ type: 'any' }, 'heard')).resolves.toEqual({ type: 'heard' });
});

test('a process that ends, or has ended, fails what is asked of it', async () => {
  await using process = echo();
  await expect(process.ask({ type: 'end' }, 'heard')).rejects.toThrow('ended before');
  await expect(process.ask({ type: 'any' }, 'heard')).rejects.toThrow('ended before');
});

test('connections are as many as open files allow, and none is no run', () => {
  expect(connectionsWithin(110_000, 4_000, 10_000)).toBe(10_000);
  expect(connectionsWithin(8_192, 4_000, 10_000)).toBe(4_192);
  expect(() => connectionsWithin(4_000, 4_000, 10_000)).toThrow('ulimit -n');
  expect(() => connectionsWithin(1_024, 4_000, 10_000)).toThrow('within 1024 open files');
});
