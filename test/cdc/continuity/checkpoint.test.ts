/** The checkpoint's text, its trail, and the file it is kept in. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CheckpointFile, checkpointPathFault } from '../../../cdc/continuity/checkpoint-file.ts';
import { formatCheckpoint, parseCheckpoint, Trail } from '../../../cdc/continuity/checkpoint.ts';
import type { Checkpoint, StreamMark } from '../../../cdc/continuity/checkpoint.ts';
import { until } from '../../support/until.ts';
import { memoryLog } from '../support/feed-lab.ts';
import type { LogLine } from '../support/feed-lab.ts';

function mark(committedAtMs: number, offset = 4): StreamMark {
  const gtidSet = `0-1-${committedAtMs.toString()}`;
  return { position: { gtidSet, binlog: { file: 'binlog.000007', offset } }, committedAtMs };
}

function checkpoint(more: Partial<Checkpoint> = {}): Checkpoint {
  return {
    flavour: 'mariadb',
    database: 'portal',
    identity: '1',
    schema: 'abc',
    ...mark(5_000, 120),
    trail: [mark(1_000), mark(3_000)],
    ...more,
  };
}

describe('the text', () => {
  test('is read back as it was', () => {
    const gtidSet = fc.option(fc.constantFrom('', '0-1-7,1-2-3', 'a0:1-5:7'), { nil: null });
    const marks = fc
      .tuple(gtidSet, fc.integer({ min: 4 }), fc.maxSafeNat())
      .map(([gtid, offset, committedAtMs]) => ({
        position: { gtidSet: gtid, binlog: { file: 'mysql-bin.1000000', offset } },
        committedAtMs,
      }));
    fc.assert(
      fc.property(marks, fc.array(marks, { maxLength: 30 }), (at, trail) => {
        const saved = checkpoint({ ...at, trail });
        expect(parseCheckpoint(formatCheckpoint(saved))).toEqual({ ok: true, checkpoint: saved });
      }),
    );
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, -20), 'not JSON'],
    ['empty', () => '', 'not JSON'],
    [
      'of another version',
      (text: string) => text.replace('"format": 1', '"format": 2').replace('"trail"', '"way"'),
      'another version of Gavelcast wrote it: it has format 2, and this version reads format 1 only',
    ],
    ['of another kind', () => '{"hello":1}', 'format'],
    ['with a field too many', (text: string) => text.replace('{', '{"x":1,'), 'x'],
  ])('%s is not read', (_, spoil, why) => {
    const parsed = parseCheckpoint(spoil(formatCheckpoint(checkpoint())));
    expect(parsed).toEqual({ ok: false, why: expect.stringContaining(why) as string });
  });
});

describe('the trail', () => {
  test('always has a place from before the window, and stays short', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(steps, (gaps) => {
        const trail = new Trail(1_000);
        let now = 10_000;
        const first = now + (gaps[0] ?? 0);
        for (const gap of gaps) {
          now += gap;
          const at = now;
          trail.pass(() => mark(at).position, at);
          expect(trail.marks.length).toBeLessThan(25);
          const found = trail.before(now - 1_000);
          expect(found === null).toBe(now - 1_000 < first);
          // No further back than it must, give or take the distance of two places and one gap.
          if (found !== null) expect(found.committedAtMs).toBeGreaterThan(now - 1_000 - 50 - 200);
        }
      }),
    );
  });

  test('asks for a position only when it keeps it', () => {
    const trail = new Trail(1_000);
    let asked = 0;
    for (let at = 0; at < 1_000; at += 1) {
      trail.pass(() => {
        asked += 1;
        return mark(at).position;
      }, at);
    }
    expect(asked).toBe(20);
  });
});

describe('the file', () => {
  let directory: string;
  let lines: LogLine[];
  let path: string;
  const open: CheckpointFile[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-checkpoint-'));
    path = join(directory, 'c.json');
    lines = [];
  });
  afterEach(async () => {
    for (const file of open.splice(0)) await file.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function file(): CheckpointFile {
    const made = new CheckpointFile(path, { log: memoryLog(lines), now: Date.now });
    open.push(made);
    return made;
  }

  test('keeps the newest, whole, and leaves nothing else', async () => {
    const kept = file();
    for (let at = 1; at <= 500; at += 1) kept.remember(() => checkpoint(mark(at)));
    await kept.stop();
    expect(file().load('portal')?.committedAtMs).toBe(500);
    expect(readdirSync(directory)).toEqual(['c.json']);
    kept.remember(() => checkpoint(mark(501)));
    await kept.stop();
    expect(lines).toEqual([]);
  });

  test('writes by itself, at most every 200 ms, and makes the text only then', async () => {
    const kept = file();
    const made: number[] = [];
    const started = performance.now();
    let at = 0;
    await until(
      () => {
        at += 1;
        const mine = at;
        kept.remember(() => {
          made.push(mine);
          return checkpoint(mark(mine));
        });
        return made.length >= 4;
      },
      { everyMs: 5, what: 'four writes' },
    );
    expect(performance.now() - started).toBeGreaterThan(590);
    expect(made).toEqual(made.toSorted((a, b) => a - b));
    await until(() => file().load('portal')?.committedAtMs === made.at(-1), { what: 'the write' });
  });

  test('nothing there is no checkpoint and no fault', () => {
    expect(file().load('portal')).toBeNull();
    expect(lines).toEqual([]);
  });

  test.each([
    ['cut off', '{"format": 1, "fla', 'portal'],
    ['of another database', formatCheckpoint(checkpoint()), 'other'],
  ])('one that is %s is moved aside, with an error', (_, text, database) => {
    writeFileSync(path, text);
    expect(file().load(database)).toBeNull();
    const [aside = ''] = readdirSync(directory);
    expect(aside).toMatch(/^c\.json\.unread-/);
    expect(readFileSync(join(directory, aside), 'utf8')).toBe(text);
    expect(lines).toMatchObject([{ level: 'error', event: 'checkpoint unusable' }]);
  });

  test('one that cannot be written is reported once, and tried again', async () => {
    const kept = file();
    mkdirSync(`${path}.tmp`);
    kept.remember(() => checkpoint(mark(1)));
    await until(() => lines.length > 0, { what: 'the report' });
    expect(lines).toMatchObject([{ level: 'error', event: 'checkpoint unwritable' }]);
    rmSync(`${path}.tmp`, { recursive: true });
    kept.remember(() => checkpoint(mark(2)));
    await until(() => file().load('portal')?.committedAtMs === 2, { what: 'the write' });
    expect(lines).toHaveLength(1);
  });

  test('a path is tried before it is used', () => {
    expect(checkpointPathFault(path)).toBeNull();
    expect(checkpointPathFault(join(directory, 'new', 'c.json'))).toBeNull();
    writeFileSync(join(directory, 'plain'), '');
    expect(checkpointPathFault(join(directory, 'plain', 'c.json'))).not.toBeNull();
  });
});
