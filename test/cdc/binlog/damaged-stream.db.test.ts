/** Bits that flip in the server's binlog, or between it and us: seen, read again, and never told as facts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BinlogTail } from '../../../cdc/binlog/binlog-tail.ts';
import { DAMAGED_READS_MAX } from '../../../cdc/binlog/damaged-reads.ts';
import type { BidPlaced } from '../../../src/auction/domain-event.ts';
import { TcpProxy } from '../../faults/tcp-proxy.ts';
import { findInstallation } from '../../support/database-installation.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { bookOf, FeedLab, memoryLog } from '../support/feed-lab.ts';
import type { FeedRun } from '../support/feed-lab.ts';
import { TailLab } from '../support/tail-lab.ts';

const HOUR_MS = 3_600_000;
/** An amount whose digits, as a DECIMAL column holds them, are found in a stream of packets. */
const AMOUNT = '12345678.00';
const AMOUNT_BYTES = Buffer.from([0xbc, 0x61, 0x4e]);

describe.each(FLAVOURS)('%s', (flavour) => {
  let server: DatabaseServer;
  let proxy: TcpProxy;

  beforeAll(async () => {
    server = await startDatabase(flavour);
  });
  beforeEach(async () => {
    proxy = await TcpProxy.listen(server.port);
  });
  afterEach(async () => {
    await proxy.close();
  });
  afterAll(async () => {
    await server.stop();
  });

  /** Flips the last bit of what is found, so many times at most. @returns how often that was so far */
  function flip(found: Buffer, timesMax: number): () => number {
    let times = 0;
    proxy.alter((data) => {
      const at = data.indexOf(found);
      if (at < 0 || times === timesMax) return;
      const last = at + found.length - 1;
      data.writeUInt8(data.readUInt8(last) ^ 1, last);
      times += 1;
    });
    return () => times;
  }

  describe('a flipped bit of an amount', () => {
    let lab: FeedLab;
    let bid: (amount: string) => Promise<number>;

    beforeEach(async () => {
      lab = await FeedLab.create(server, 'A');
      const sellerId = await lab.portal.addUser({ name: 'Sue' });
      const userId = await lab.portal.addUser({ name: 'Ann' });
      const endTime = Date.now() + HOUR_MS;
      const itemId = await lab.portal.addItem({
        title: 'one',
        startingPrice: '1.00',
        endTime,
        sellerId,
      });
      bid = (amount) => lab.portal.placeBid({ itemId, userId, amount, style: 'autocommit' });
    });
    afterEach(async () => {
      await lab.close();
    });

    async function startThroughProxy(onPositionLost: 'resync' | 'halt'): Promise<FeedRun> {
      const connection = { ...lab.options().connection, port: proxy.port };
      const run = lab.run({ connection, onPositionLost });
      await run.started;
      return run;
    }

    function amounts(run: FeedRun): string[] {
      const placed = run.events().filter((event): event is BidPlaced => event.type === 'BidPlaced');
      return placed.map((event) => String(event.amount));
    }

    function damages(run: FeedRun): number {
      return run.log.filter(
        ({ event, fields }) => event === 'source retry' && fields['code'] === 'EVENT_DAMAGED',
      ).length;
    }

    test('on the way: read again, told once, as it is in the tables', async () => {
      const run = await startThroughProxy('resync');
      const flips = flip(AMOUNT_BYTES, 2);
      await bid('2.00');
      await bid(AMOUNT);
      await bid('12345679.00');
      await until(() => amounts(run).length >= 3 || run.resets.length > 0, {
        withinMs: 30_000,
        what: () => `three bids; there are ${amounts(run).join()}`,
      });
      expect(amounts(run)).toEqual(['2.00', AMOUNT, '12345679.00']);
      expect(flips()).toBe(2);
      // Both may have come before the first was seen.
      expect([1, 2]).toContain(damages(run));
      expect(run.resets).toEqual([]);
    });

    test('at every reading: the book is loaded again and clients are told', async () => {
      const run = await startThroughProxy('resync');
      flip(AMOUNT_BYTES, Infinity);
      await bid('2.00');
      await bid(AMOUNT);
      await until(() => run.resets.length > 0, { withinMs: 60_000, what: 'a reset' });
      expect(run.resets[0]).toContain('the binlog is damaged at the source');
      expect(amounts(run)).toEqual(['2.00']);
      await lab.untilBookEqualsTables(run);
      expect([...bookOf(run.feed).values()][0]).toContain(AMOUNT);
      await bid('22345678.00');
      await until(() => amounts(run).length === 2, { what: 'the bid behind the damage' });
      expect(amounts(run)).toEqual(['2.00', '22345678.00']);
      expect(run.resets).toHaveLength(1);
    });

    test('at every reading, ON_POSITION_LOST=halt: it stops by name', async () => {
      const run = await startThroughProxy('halt');
      flip(AMOUNT_BYTES, Infinity);
      await bid(AMOUNT);
      await until(() => run.feed.feedState().state === 'halted', {
        withinMs: 60_000,
        what: 'the halt',
      });
      expect(run.feed.feedState()).toMatchObject({ code: 'BINLOG_DAMAGED' });
      expect(amounts(run)).toEqual([]);
    });
  });

  test('a bit that flipped in the file: wrong at every reading; or the server says so itself', async () => {
    const lab = await TailLab.create(server);
    const verify = flavour === 'mysql' ? 'source_verify_checksum' : 'master_verify_checksum';
    try {
      // Into a file that holds the amount nowhere else.
      await lab.run('FLUSH BINARY LOGS');
      const from = await lab.position();
      await lab.run(
        `INSERT INTO bids (item_id, user_id, amount) VALUES (1, 1, ${AMOUNT})`,
        'FLUSH BINARY LOGS',
      );
      damageFile(await pathOf(lab, from.binlog.file));
      const tail = new BinlogTail(lab.options(), { log: memoryLog([]), now: Date.now });
      const codes: unknown[] = [];
      for (let reading = 0; reading < DAMAGED_READS_MAX; reading += 1) {
        const run = lab.follow(tail, from);
        await run.untilEnded();
        expect(run.changes()).toEqual([]);
        codes.push(run.error()?.code);
      }
      const again = Array.from({ length: DAMAGED_READS_MAX - 1 }, () => 'EVENT_DAMAGED');
      expect(codes).toEqual([...again, 'BINLOG_DAMAGED']);
      await lab.run(`SET GLOBAL ${verify} = ON`);
      const run = lab.follow(tail, from);
      await run.untilEnded();
      expect(run.error()).toMatchObject({ code: 'BINLOG_POSITION_LOST' });
    } finally {
      await lab.run(`SET GLOBAL ${verify} = OFF`);
      await lab.close();
    }
  });

  /** Of a binlog file, as we see it. */
  async function pathOf(lab: TailLab, file: string): Promise<string> {
    const [rows] = await lab.sql.query<RowDataPacket[]>('SELECT @@log_bin_basename AS path');
    const { chroot } = findInstallation(flavour);
    return join(chroot ?? '/', dirname(String(rows[0]?.['path'])), file);
  }

  test.each([
    ['CRC32', 'heartbeat', 'EVENT_DAMAGED'],
    ['CRC32', 'rotation', 'EVENT_DAMAGED'],
    ['NONE', 'heartbeat', null],
  ] as const)('checksum %s, a flipped bit in the name of a %s', async (kind, which, code) => {
    const lab = await TailLab.create(server);
    try {
      await lab.run(`SET GLOBAL binlog_checksum = '${kind}'`);
      const from = await lab.position();
      const connection = { ...lab.options().connection, port: proxy.port };
      const run = lab.tail(from, { connection, heartbeatPeriodMs: 1_500 });
      await until(() => run.tail.seen !== null, { what: 'the first packets' });
      const before = run.tail.counters.packets;
      const [, number = ''] = /(\d+)$/.exec(from.binlog.file) ?? [];
      const next = (Number(number) + 1).toString().padStart(number.length, '0');
      const flips = flip(Buffer.from(which === 'heartbeat' ? number : next), 1);
      if (which === 'rotation') await lab.run('FLUSH BINARY LOGS');
      await until(() => (flips() === 1 && run.tail.counters.packets > before + 5) || run.ended(), {
        withinMs: 40_000,
        what: 'what follows the damage',
      });
      expect(run.error()?.code ?? null).toBe(code);
    } finally {
      proxy.alter(null);
      await lab.run(`SET GLOBAL binlog_checksum = 'CRC32'`);
      await lab.close();
    }
  });
});

/** Flips the last bit of the amount. */
function damageFile(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(AMOUNT_BYTES) + AMOUNT_BYTES.length - 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
}
