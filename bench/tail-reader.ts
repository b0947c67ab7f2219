/**
 * Reads a backlog once, in a process of its own: `zongji` alone, or all of our line from the binlog to encoded events.
 * Answers with its times and its memory.
 */
import ZongJi from '@vlasky/zongji';
import { encodeEvent } from '../src/protocol/event-message.ts';
import type { EventBatch, Log } from '../src/ports.ts';
import { BinlogTail } from '../cdc/binlog/binlog-tail.ts';
import { DatabasePool } from '../cdc/source/database-pool.ts';
import { NameCache } from '../cdc/tables/name-cache.ts';
import { Pipeline } from '../cdc/pipeline.ts';
import { preflight } from '../cdc/checks/preflight.ts';
import { RowReader } from '../cdc/tables/row-reader.ts';
import { openSnapshot } from '../cdc/tables/snapshot.ts';
import { compareBinlogPositions, type BinlogPosition } from '../cdc/source/source-position.ts';
import type { SourceAddress } from '../test/support/gavelcast-process.ts';
import type { Message } from './pinned-process.ts';

export interface ReadOrder extends Message {
  readonly type: 'read';
  /** `zongji-exact`: with the driver options without which decimals, big ids and times are not exact; ours has them. */
  readonly kind: 'zongji' | 'zongji-exact' | 'decode' | 'publish';
  readonly source: SourceAddress;
  readonly from: BinlogPosition;
  readonly until: BinlogPosition;
}

export interface ReadResult extends Message {
  readonly type: 'finished';
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rows: number;
  readonly events: number;
  /** Resident MiB, one sample every 250 ms. */
  readonly residentMiB: readonly number[];
}

const SAMPLE_EVERY_MS = 250;
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

const EXACT = {
  timezone: 'Z',
  dateStrings: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
} as const;

const LOG: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, event) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
  error: (fields, event) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
  fatal: (fields, event) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
  child: () => LOG,
};

/** Counts, and stops the clock. */
class Meter {
  readonly #samples: number[] = [];
  readonly #startedAt = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #timer = setInterval(() => {
    this.#sample();
  }, SAMPLE_EVERY_MS);
  rows = 0;
  events = 0;

  finish(): ReadResult {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    clearInterval(this.#timer);
    this.#sample();
    const { rows, events } = this;
    return {
      type: 'finished',
      seconds,
      cpuSeconds: (user + system) / 1e6,
      rows,
      events,
      residentMiB: this.#samples,
    };
  }

  #sample(): void {
    this.#samples.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
  }
}

/** Bare zongji, as its README uses it: row events of the database are handed to a listener that counts them. */
function readWithZongji({ kind, source, from, until }: ReadOrder): Promise<ReadResult> {
  const { host, port, user, password, database } = source;
  const exact = kind === 'zongji-exact' ? EXACT : {};
  const zongji = new ZongJi({ host, port, user, password, ...exact });
  return new Promise((resolve, reject) => {
    const meter = new Meter();
    zongji.on('error', reject);
    zongji.on('binlog', (event) => {
      if ('rows' in event) meter.rows += event.rows.length;
      if (event.nextPosition < until.offset) return;
      resolve(meter.finish());
      zongji.stop();
    });
    zongji.start({
      serverId: 3_000_000_000 + process.pid,
      filename: from.file,
      position: from.offset,
      includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'xid'],
      includeSchema: { [database]: true },
    });
  });
}

/** Our line. `decode` stops at typed transactions; `publish` translates them and encodes every event. */
async function readWithGavelcast(order: ReadOrder): Promise<ReadResult> {
  const { source: address, from, until } = order;
  const { database, ...where } = address;
  const connection = { ...where, connectTimeoutMs: 10_000 };
  const pool = new DatabasePool(connection);
  const now = Date.now;
  const checked = await preflight(
    { pool, connection, database, mappingFile: null, zone: null, serverId: null },
    { now },
  );
  if (!checked.ok) throw new Error(JSON.stringify(checked.checks));
  const { source } = checked;
  const { flavour, serverId, mapping, zone } = source;
  const signal = new AbortController();
  const pipeline = await makePipeline(order.kind, { pool, source, signal: signal.signal });
  const settings = { connection, flavour, serverId, mapping, zone };
  const tail = new BinlogTail(
    { ...settings, heartbeatPeriodMs: 1_000, queueBytesMax: QUEUE_BYTES_MAX },
    { log: LOG, now },
  );
  const meter = new Meter();
  pipeline?.meterBy(meter);
  for await (const tailed of tail.transactions({ gtidSet: null, binlog: from }, signal.signal)) {
    meter.rows += tailed.transaction.changes.length;
    await pipeline?.pipeline.process(tailed, signal.signal);
    if (compareBinlogPositions(tailed.end().binlog, until) >= 0) break;
  }
  const result = meter.finish();
  signal.abort();
  pool.close();
  return result;
}

async function makePipeline(
  kind: ReadOrder['kind'],
  parts: {
    pool: DatabasePool;
    source: Parameters<typeof openSnapshot>[0]['source'];
    signal: AbortSignal;
  },
) {
  if (kind !== 'publish') return null;
  const { pool, source, signal } = parts;
  const rows = new RowReader(source.mapping, source.zone);
  const snapshot = await openSnapshot({ pool, source, rows, signal }, { log: LOG, now: Date.now });
  const book = await snapshot.finish();
  const names = new NameCache({ database: pool, clientReads: pool, rows, namesMax: 100_000 });
  let meter: Meter | null = null;
  let bytes = 0;
  const publisher = {
    publish: ({ events, nameOf }: EventBatch) => {
      const context = {
        nameOf,
        bidderNames: 'full' as const,
        legacyTimesZone: null,
        serverTimeMs: 0,
      };
      for (const event of events) {
        bytes += encodeEvent(event, context)?.json.length ?? 0;
        if (meter !== null) meter.events += 1;
      }
    },
  };
  const pipeline = new Pipeline(
    { pool, names, publisher, book, rows },
    { log: LOG, databaseNow: Date.now },
  );
  return {
    pipeline,
    meterBy: (by: Meter) => {
      meter = by;
    },
    bytes: () => bytes,
  };
}

process.once('message', (order: ReadOrder) => {
  const reading = order.kind.startsWith('zongji')
    ? readWithZongji(order)
    : readWithGavelcast(order);
  void reading.then((result) => {
    process.send?.(result, () => process.exit());
  });
});
process.on('disconnect', () => process.exit());
