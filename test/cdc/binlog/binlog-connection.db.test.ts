/** How a connection ends: by whom, with which of our errors, and with nothing left behind. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { TailLab } from '../support/tail-lab.ts';

const BID = 'INSERT INTO bids (item_id, user_id, amount) VALUES (1, 1, 1)';

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let lab: TailLab;

  beforeAll(async () => {
    server = await startDatabase(flavour);
    lab = await TailLab.create(server);
  });
  afterEach(async () => {
    await lab.stopRuns();
  });
  afterAll(async () => {
    await lab.close();
    await server.stop();
  });

  /** Ids of the server's threads that serve a binlog, or that belong to our account. */
  async function threads(which: 'dump' | 'ours'): Promise<number[]> {
    const [rows] = await lab.sql.query<RowDataPacket[]>('SHOW PROCESSLIST');
    const ours = rows.filter((row) =>
      which === 'dump'
        ? String(row['Command']).startsWith('Binlog Dump')
        : row['User'] === lab.account.user,
    );
    return ours.map((row) => Number(row['Id']));
  }

  async function sockets(): Promise<number> {
    await until(() => true);
    return process
      .getActiveResourcesInfo()
      .filter((name) => name.includes('TCP') || name === 'Timeout').length;
  }

  test('an abort ends it without an error and leaves nothing, on either side', async () => {
    const before = await sockets();
    const run = lab.tail(await lab.position());
    await lab.run(BID);
    await run.untilChanges(1);
    await run.stop();
    expect(run.error()).toBeNull();
    await until(async () => (await threads('ours')).length === 0, { what: 'the threads to end' });
    await until(async () => (await sockets()) <= before, { what: 'the sockets to close' });
  });

  test('killed dump threads: one error each, no thread, socket or listener left', async () => {
    const before = await sockets();
    for (let round = 0; round < 10; round += 1) {
      const run = lab.tail(await lab.position());
      await lab.run(BID);
      await run.untilChanges(1);
      for (const id of await threads('dump')) await lab.run(`KILL ${id.toString()}`);
      await run.untilEnded();
      expect(run.error()?.code).toBe('SOURCE_DISCONNECTED');
    }
    await until(async () => (await threads('ours')).length === 0, { what: 'the threads to end' });
    await until(async () => (await sockets()) <= before, { what: 'the sockets to close' });
  });

  test('a killed side connection ends the stream too, after what was committed', async () => {
    const run = lab.tail(await lab.position());
    await lab.run(BID);
    await run.untilChanges(1);
    const dump = await threads('dump');
    for (const id of await threads('ours'))
      if (!dump.includes(id)) await lab.run(`KILL ${id.toString()}`);
    await run.untilEnded();
    expect(run.error()?.code).toBe('SOURCE_DISCONNECTED');
  });

  test('the side connection outlives a short wait_timeout', async () => {
    await lab.run('SET GLOBAL wait_timeout = 1');
    try {
      const run = lab.tail(await lab.position(), { heartbeatPeriodMs: 1_500 });
      await until(() => run.tail.seen !== null || run.ended(), { what: 'the stream' });
      const before = run.tail.counters.packets;
      await until(() => run.tail.counters.packets > before + 2 || run.ended(), {
        what: 'three seconds of heartbeats',
      });
      expect(run.error()).toBeNull();
    } finally {
      await lab.run('SET GLOBAL wait_timeout = 28800');
    }
  });

  test('a frozen server is noticed in three silent periods and left in bounded time', async () => {
    const before = await sockets();
    const run = lab.tail(await lab.position(), { heartbeatPeriodMs: 1_500 });
    await lab.run(BID);
    await run.untilChanges(1);
    const frozenAt = performance.now();
    server.signal('SIGSTOP');
    try {
      await run.untilEnded();
    } finally {
      server.signal('SIGCONT');
    }
    expect(run.error()?.code).toBe('SOURCE_SILENT');
    // The last heartbeat may have come a period before, and ticks are half a period apart.
    expect(performance.now() - frozenAt).toBeGreaterThan(2_000);
    expect(performance.now() - frozenAt).toBeLessThan(20_000);
    await until(async () => (await sockets()) <= before, { what: 'the sockets to close' });
    await until(async () => (await threads('ours')).length === 0, { what: 'the threads to end' });
  });

  test('a server frozen from the start is given up too', async () => {
    const from = await lab.position();
    server.signal('SIGSTOP');
    try {
      const options = lab.options();
      const connection = { ...options.connection, connectTimeoutMs: 500 };
      const run = lab.tail(from, { connection, heartbeatPeriodMs: 100 });
      await run.untilEnded();
      expect(['SOURCE_SILENT', 'SOURCE_UNREACHABLE']).toContain(run.error()?.code);
    } finally {
      server.signal('SIGCONT');
    }
  });

  test('we may pause longer than three periods without calling the server silent', async () => {
    const tail = lab.options({ heartbeatPeriodMs: 1_500, queueBytesMax: 4000 });
    const run = await slowReader(lab, tail);
    expect(run.taken).toBe(40);
  });

  test('two readers with one server id: a named error', async () => {
    const options = { serverId: 77 };
    const first = lab.tail(await lab.position(), options);
    await lab.run(BID);
    await first.untilChanges(1);
    const second = lab.tail(await lab.position(), options);
    await lab.run(BID);
    await until(() => first.ended() || second.ended(), { what: 'one of them to be refused' });
    expect((first.error() ?? second.error())?.code).toBe('SERVER_ID_CONFLICT');
  });

  test.each(['gtid', 'file'] as const)('a purged position by %s', async (how) => {
    const from = await lab.position(how);
    await lab.run(BID, 'FLUSH BINARY LOGS', BID, 'FLUSH BINARY LOGS');
    const { binlog } = await lab.position('file');
    await until(async () => {
      await lab.run(`PURGE BINARY LOGS TO '${binlog.file}'`);
      const [rows] = await lab.sql.query<RowDataPacket[]>('SHOW BINARY LOGS');
      return rows[0]?.['Log_name'] === binlog.file;
    });
    const run = lab.tail(from);
    await run.untilEnded();
    expect(run.error()?.code).toBe('BINLOG_POSITION_LOST');
  });

  test('positions that never were: ahead of the log, in no file, inside an event', async () => {
    const { binlog } = await lab.position('file');
    for (const wrong of [
      { file: binlog.file, offset: binlog.offset + 1_000_000 },
      { file: 'binlog.777777', offset: 4 },
      { file: binlog.file, offset: binlog.offset - 7 },
    ]) {
      await lab.run(BID);
      const run = lab.tail({ gtidSet: null, binlog: wrong });
      await run.untilEnded();
      expect(run.error()?.code).toBe('BINLOG_POSITION_LOST');
    }
  });

  test('a wrong password and a missing grant say access denied; a closed port is unreachable', async () => {
    const from = await lab.position();
    const { connection } = lab.options();
    const wrong = lab.tail(from, { connection: { ...connection, password: 'wrong' } });
    await wrong.untilEnded();
    expect(wrong.error()?.code).toBe('SOURCE_ACCESS_DENIED');
    await lab.run(`CREATE USER IF NOT EXISTS bare@'%' IDENTIFIED BY 'bare'`);
    const bare = lab.tail(from, { connection: { ...connection, user: 'bare', password: 'bare' } });
    await bare.untilEnded();
    expect(bare.error()?.code).toBe('SOURCE_ACCESS_DENIED');
    const closed = lab.tail(from, { connection: { ...connection, port: 1 } });
    await closed.untilEnded();
    expect(closed.error()?.code).toBe('SOURCE_UNREACHABLE');
  });

  test('a restart of the server, graceful or not, is a disconnect, and the stream goes on after it', async () => {
    for (const how of ['graceful', 'crash'] as const) {
      const from = await lab.position();
      const run = lab.tail(from);
      await lab.run(BID);
      await run.untilChanges(1);
      const last = run.transactions.at(-1)?.end() ?? from;
      await lab.sql.end();
      await server.restart(how);
      await run.untilEnded();
      expect(run.error()?.code).toBe('SOURCE_DISCONNECTED');
      await lab.reconnect();
      const next = lab.tail(last);
      await lab.run(BID);
      expect(await next.untilChanges(1)).toHaveLength(1);
      await next.stop();
    }
  });

  test('checksums switched on and off while we lag are read right', async () => {
    const from = await lab.position('file');
    await lab.run(BID);
    for (const kind of ['NONE', 'CRC32', 'NONE', 'CRC32'])
      await lab.run(`SET GLOBAL binlog_checksum = '${kind}'`, BID);
    const run = lab.tail(from);
    expect(await run.untilChanges(5)).toHaveLength(5);
    await lab.run(`SET GLOBAL binlog_checksum = 'NONE'`, BID);
    expect(await run.untilChanges(6)).toHaveLength(6);
    const other = lab.tail(from);
    expect(await other.untilChanges(6)).toEqual(run.changes());
    await lab.run(`SET GLOBAL binlog_checksum = 'CRC32'`);
  });
});

/** Reads 40 transactions, with a pause among them that is longer than the silence the server is allowed. */
async function slowReader(
  lab: TailLab,
  options: ReturnType<TailLab['options']>,
): Promise<{ taken: number }> {
  const { BinlogTail } = await import('../../../cdc/binlog/binlog-tail.ts');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const from = await lab.position();
  for (let at = 0; at < 40; at += 1) await lab.run(BID);
  const abort = new AbortController();
  const nothing = (): void => undefined;
  const log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
    child: () => log,
  };
  let taken = 0;
  for await (const each of new BinlogTail(options, { log, now: Date.now }).transactions(
    from,
    abort.signal,
  )) {
    taken += each.transaction.changes.length;
    if (taken === 2) await sleep(6000);
    if (taken === 40) abort.abort();
  }
  return { taken };
}
