/** What a server's rows say of its replication, and what follows from such answers one after the other. */
import { describe, expect, test } from 'vitest';
import { standingAfter, UNKNOWN } from '../../../cdc/replication-watch.ts';
import type { Standing } from '../../../cdc/replication-watch.ts';
import type { NamedRow } from '../../../cdc/source/database-pool.ts';
import { replicationOf, wordsOf } from '../../../cdc/source/replication.ts';
import type { Replication, ReplicationThread } from '../../../cdc/source/replication.ts';

/** A row as MySQL 9.7 names its columns. */
function mysqlRow(cells: Readonly<Record<string, string | null>> = {}): NamedRow {
  const running = { Replica_IO_Running: 'Yes', Replica_SQL_Running: 'Yes' };
  const errnos = { Last_IO_Errno: '0', Last_SQL_Errno: '0' };
  const place = { Source_Host: '10.0.0.1', Channel_Name: '' };
  return new Map(Object.entries({ ...place, ...running, ...errnos, ...cells }));
}

/** A row as MariaDB 10.11 names its columns; older MySQL calls the channel `Channel_Name`. */
function mariadbRow(cells: Readonly<Record<string, string | null>> = {}): NamedRow {
  const running = { Slave_IO_Running: 'Yes', Slave_SQL_Running: 'Yes' };
  const errnos = { Last_IO_Errno: '0', Last_SQL_Errno: '0' };
  const place = { Master_Host: '10.0.0.1', Connection_name: '' };
  return new Map(Object.entries({ ...place, ...running, ...errnos, ...cells }));
}

describe('rows', () => {
  test('none: no replica; both threads of each run: it replicates', () => {
    expect(replicationOf([])).toEqual({ state: 'none' });
    const channels = [{ name: '', host: '10.0.0.1' }];
    expect(replicationOf([mysqlRow()])).toEqual({ state: 'runs', channels });
    expect(replicationOf([mariadbRow()])).toEqual({ state: 'runs', channels });
  });

  test.each<[string, Record<string, string>, ReplicationThread, number]>([
    ['the applier ended by an error', { SQL_Running: 'No', SQL: '1062' }, 'applying', 1062],
    ['the applier was stopped', { SQL_Running: 'No' }, 'applying', 0],
    ['the receiver was stopped', { IO_Running: 'No' }, 'receiving', 0],
    ['the receiver cannot connect', { IO_Running: 'Connecting', IO: '2003' }, 'receiving', 2003],
    ['MariaDB’s receiver has not begun', { IO_Running: 'Preparing' }, 'receiving', 0],
    ['both were stopped', { IO_Running: 'No', SQL_Running: 'No' }, 'receiving', 0],
    [
      'the receiver cannot connect, the applier was stopped',
      { IO_Running: 'Connecting', IO: '2003', SQL_Running: 'No' },
      'applying',
      0,
    ],
    [
      'both, the applier by an error',
      { IO_Running: 'No', IO: '2003', SQL_Running: 'No', SQL: '1032' },
      'applying',
      1032,
    ],
  ])('%s', (_, short, thread, errno) => {
    for (const [row, prefix] of [
      [mysqlRow, 'Replica'],
      [mariadbRow, 'Slave'],
    ] as const) {
      const cells = Object.entries(short).map(([key, value]) => [
        key.endsWith('Running') ? `${prefix}_${key}` : `Last_${key}_Errno`,
        value,
      ]);
      const found = replicationOf([row(Object.fromEntries(cells) as Record<string, string>)]);
      const stopped = [{ name: '', host: '10.0.0.1', thread, errno }];
      expect(found).toEqual({ state: 'stopped', stopped });
    }
  });

  test('of several channels one that stands still is enough, and it is named', () => {
    const stands = { Connection_name: 'berlin', Master_Host: 'b.example', Slave_SQL_Running: 'No' };
    const found = replicationOf([mariadbRow(), mariadbRow(stands), mariadbRow()]);
    expect(found).toMatchObject({ state: 'stopped', stopped: [{ name: 'berlin' }] });
    if (found.state !== 'stopped') throw new Error(found.state);
    expect(found.stopped.map(wordsOf)).toEqual([
      'applies nothing of b.example, channel berlin (no error)',
    ]);
  });

  test('channels of Group Replication come and go and say nothing', () => {
    const group = mysqlRow({
      Channel_Name: 'group_replication_recovery',
      Replica_IO_Running: 'No',
    });
    expect(replicationOf([group])).toEqual({ state: 'none' });
    expect(replicationOf([group, mysqlRow()]).state).toBe('runs');
  });

  test('a column that is not there, or is NULL, is no standstill', () => {
    const bare: NamedRow = new Map([['Source_Host', null]]);
    expect(replicationOf([bare])).toEqual({ state: 'runs', channels: [{ name: '', host: '' }] });
  });
});

describe('answers in a row', () => {
  const stopped = (thread: ReplicationThread, errno = 0): Replication => ({
    state: 'stopped',
    stopped: [{ name: '', host: 'h', thread, errno }],
  });
  const ANSWERS = {
    none: { state: 'none' },
    hidden: { state: 'hidden', isLikely: true },
    runs: { state: 'runs', channels: [] },
    receiving: stopped('receiving'),
    applying: stopped('applying'),
    unreached: stopped('receiving', 2003),
    refused: stopped('receiving', 1236),
  } as const satisfies Record<string, Replication>;

  /** What is believed after each of these answers. */
  function course(answers: string, isWrittenHere = false): (boolean | null)[] {
    let standing: Standing = UNKNOWN;
    return answers.split(' ').map((word) => {
      standing = standingAfter(standing, ANSWERS[word as keyof typeof ANSWERS], isWrittenHere);
      return standing.runs;
    });
  }

  test.each<[string, (boolean | null)[]]>([
    ['none none', [null, null]],
    ['runs applying runs applying', [true, true, true, true]],
    ['runs applying applying applying', [true, true, false, false]],
    ['receiving applying runs', [null, false, true]],
    ['applying applying none', [null, false, null]],
    ['hidden hidden', [null, null]],
    ['applying applying hidden', [null, false, null]],
    ['applying hidden applying', [null, null, null]],
  ])('%s', (answers, believed) => {
    expect(course(answers)).toEqual(believed);
  });

  test('where the source is written to itself, nothing need be received, but what is must be applied', () => {
    expect(course('runs receiving receiving receiving', true)).toEqual([true, null, null, null]);
    expect(course('runs unreached unreached', true)).toEqual([true, null, null]);
    expect(course('runs refused refused', true)).toEqual([true, true, false]);
    expect(course('runs applying applying', true)).toEqual([true, true, false]);
  });
});
