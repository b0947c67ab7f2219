/**
 * Loads the book beside the stream, with no gap, and locks nothing.
 *
 * Problem: the book must hold exactly what was committed before the first transaction that is published. Reading the
 * tables and then asking for the position leaves a gap; asking first counts twice. MariaDB tells the exact position of a
 * consistent snapshot. MySQL without a lock only tells bounds: at `low` everything was surely visible to the snapshot, at
 * `until` surely not yet more than is visible. So the stream is read from `low`, and what it brings up to `until` is
 * reconciled: item images overwrite (they end as they were at `until`), and bid rows are counted by asking the snapshot,
 * which is still open, which of them it has seen.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GtidSet } from '@vlasky/zongji';
import { Book } from '../../src/auction/book.ts';
import type { BookSchema, LeadingBid } from '../../src/auction/book.ts';
import { compareBidIds } from '../../src/auction/bid-rows.ts';
import type { BidId, ItemId } from '../../src/auction/ids.ts';
import type { RowChange } from '../../src/auction/row-change.ts';
import type { Clock, Log } from '../../src/ports.ts';
import { quoted } from '../source/database-pool.ts';
import type { DatabasePool, DatabaseSession } from '../source/database-pool.ts';
import { COMMIT_LATENCY_MS, placeOfView } from './commit-view.ts';
import { readItemsSeenBy, readLeadersWithout, setLeader } from './item-reader.ts';
import type { RowReader } from './row-reader.ts';
import { SnapshotCatchUp } from './snapshot-catch-up.ts';
import type { SourceInfo } from '../source/source-info.ts';
import { compareBinlogPositions } from '../source/source-position.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';
import { binlogEnd } from '../source/source-status.ts';

/** A book that becomes exact at `until`. */
export interface OpenSnapshot {
  /** Where the stream must start, or earlier. */
  readonly from: SourcePosition;
  /** The last position whose transactions go to `observe`; those that end later come after `finish`. */
  readonly until: BinlogPosition;
  readonly schema: BookSchema;
  /** True for a transaction that the snapshot is known to hold: `observe` need not be told of it. */
  holds(transactionId: string, end: BinlogPosition): boolean;
  /** Takes the changes of one transaction that ends at `until` or before. */
  observe(changes: readonly RowChange[]): void;
  /**
   * The book as at `until`: the live auctions, and of `items` those that the tables have. Once.
   *
   * @throws AppError
   */
  finish(items?: ReadonlySet<ItemId>): Promise<Book>;
  /** The newest bid that went into the book; null where keys are no integers, or there is none. After `finish`. */
  newestBid(): BidId | null;
  /**
   * Who would lead each item if these bids had never been; empty where the schema has a leader column. After `finish`.
   *
   * @throws AppError
   */
  leadersWithout(
    bids: ReadonlyMap<ItemId, ReadonlySet<BidId>>,
  ): Promise<Map<ItemId, LeadingBid | null>>;
  /** Ends the transaction at the database. Idempotent. */
  close(): void;
}

const PROGRESS_EVERY_MS = 2_000;
/** Seconds a snapshot may stay open while the stream is read beside it: the greatest value every platform takes. */
const WAIT_TIMEOUT_S = 2_147_483;

const UUID_GTID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:/i;

/** Opens a snapshot and loads the live auctions from it. @throws AppError */
export async function openSnapshot(
  options: {
    readonly pool: DatabasePool;
    readonly source: SourceInfo;
    readonly rows: RowReader;
    readonly signal: AbortSignal;
  },
  deps: { readonly log: Log; readonly now: Clock },
): Promise<OpenSnapshot> {
  const { pool, source, rows, signal } = options;
  const low = source.flavour === 'mariadb' ? null : await lowWatermark(pool, source, signal);
  const session = await pool.session();
  const abort = (): void => {
    session.close();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await session.query(`SET SESSION wait_timeout = ${WAIT_TIMEOUT_S.toString()}`);
    await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const from = low ?? (await snapshotPosition(session));
    const until = low === null ? from.binlog : await binlogEnd(pool);
    const book = await loadBook(session, rows, deps);
    let newest = await newestBid(session, rows);
    const catchUp = low === null ? null : new SnapshotCatchUp({ session, rows, book });
    return {
      from,
      until,
      schema: rows.schema,
      holds: holdsUpTo(from, catchUp === null),
      observe: (changes) => {
        if (catchUp === null) return;
        catchUp.observe(changes);
        newest = newestOf(newest, changes, rows);
      },
      newestBid: () => newest,
      finish: async (items = new Set()) => {
        const unknown = [...items].filter((itemId) => !book.has(itemId));
        const found = await readItemsSeenBy(session, rows, unknown);
        for (const auction of found.values()) book.set(auction);
        await catchUp?.reconcile();
        return book;
      },
      leadersWithout: (bids) => readLeadersWithout(session, rows, bids),
      close: () => {
        signal.removeEventListener('abort', abort);
        session.close();
      },
    };
  } catch (error) {
    signal.removeEventListener('abort', abort);
    session.close();
    throw error;
  }
}

/** The newest bid that a session sees; null where bid keys are no integers. */
async function newestBid(session: DatabaseSession, rows: RowReader): Promise<BidId | null> {
  const { bids } = rows.mapping;
  if (!rows.hasOrderedBids) return null;
  const key = quoted(bids.columns.bidId.name);
  const [row] = await session.query(`SELECT MAX(${key}) FROM ${rows.tableName(bids)}`);
  const value = row?.[0] ?? null;
  return value === null ? null : rows.bidId(value);
}

function newestOf(
  known: BidId | null,
  changes: readonly RowChange[],
  rows: RowReader,
): BidId | null {
  if (!rows.hasOrderedBids) return null;
  return changes.reduce((newest, change) => {
    if (change.table !== 'bids' || change.kind !== 'insert') return newest;
    return newest === null || compareBidIds(change.bidId, newest) > 0 ? change.bidId : newest;
  }, known);
}

/** Tells the transactions before a snapshot from those that it may not have. */
function holdsUpTo(from: SourcePosition, isExact: boolean): OpenSnapshot['holds'] {
  const { gtidSet, binlog } = from;
  // A file position taken beside a GTID set says nothing of what had become visible by then.
  if (isExact || gtidSet === null) return (_, end) => compareBinlogPositions(end, binlog) <= 0;
  const executed = GtidSet.parse(gtidSet);
  return (transactionId) => UUID_GTID.test(transactionId) && executed.contains(transactionId);
}

/** MySQL: a position all of whose past the snapshot that is opened next will see. */
async function lowWatermark(
  pool: DatabasePool,
  source: SourceInfo,
  signal: AbortSignal,
): Promise<SourcePosition> {
  if (source.gtid) {
    const [row] = await pool.query('SELECT @@GLOBAL.gtid_executed');
    const gtidSet = (row?.[0] ?? '').replaceAll(/\s/g, '');
    return { gtidSet, binlog: await binlogEnd(pool) };
  }
  const binlog = await binlogEnd(pool);
  await delay(COMMIT_LATENCY_MS, undefined, { signal }).catch(() => undefined);
  return { gtidSet: null, binlog };
}

/** MariaDB: the exact position of this session's consistent snapshot. */
async function snapshotPosition(session: DatabaseSession): Promise<SourcePosition> {
  const binlog = await placeOfView(session);
  const [row] = await session.query('SELECT BINLOG_GTID_POS(?, ?)', [binlog.file, binlog.offset]);
  // Purged since, or a position inside an event: neither can be, and the tail would refuse the guess.
  return { gtidSet: row?.[0] ?? null, binlog };
}

async function loadBook(
  session: DatabaseSession,
  rows: RowReader,
  { log, now }: { readonly log: Log; readonly now: Clock },
): Promise<Book> {
  const book = new Book(rows.schema);
  const words = rows.activeWords();
  const { items, bids } = rows.mapping;
  const status = quoted(items.columns.status.name);
  const itemTable = rows.tableName(items);
  const bidTable = rows.tableName(bids);
  const bidItem = `b.${quoted(bids.columns.itemId.name)}`;
  const live =
    `FROM ${itemTable} i JOIN ${bidTable} b ON ${bidItem} = i.${quoted(items.columns.itemId.name)}` +
    ` WHERE i.${status} IN (?)`;
  const startedAtMs = now();
  let shownAtMs = startedAtMs;
  const progress = (step: string): void => {
    if (now() - shownAtMs < PROGRESS_EVERY_MS) return;
    shownAtMs = now();
    const ms = shownAtMs - startedAtMs;
    const text = `loading the book: ${step}, ${book.size.toString()} auctions so far`;
    log.info({ step, auctions: book.size, ms, text }, 'book loading');
  };

  const select = `SELECT ${rows.itemColumns()} FROM ${itemTable} WHERE ${status} IN (?)`;
  await session.forEachRow(select, [words], (row) => {
    book.set(rows.auction(row));
    progress('auctions');
  });
  const counts = `SELECT ${bidItem}, COUNT(*) ${live} GROUP BY ${bidItem}`;
  await session.forEachRow(counts, [words], (row) => {
    const auction = book.get(rows.itemId(row[0]));
    if (auction !== undefined) auction.bidCount = Number(row[1]);
    progress('bid counts');
  });
  if (!rows.schema.leaderColumn) await loadLeaders({ session, rows, book, live, words, progress });
  log.debug({ auctions: book.size, ms: now() - startedAtMs }, 'book read');
  return book;
}

/** The highest amount leads, the lowest bid id among equals. */
async function loadLeaders(options: {
  readonly session: DatabaseSession;
  readonly rows: RowReader;
  readonly book: Book;
  readonly live: string;
  readonly words: readonly string[];
  readonly progress: (step: string) => void;
}): Promise<void> {
  const { session, rows, book, progress } = options;
  const { columns } = rows.mapping.bids;
  const [bidId, itemId, bidderId, amount] = [
    columns.bidId,
    columns.itemId,
    columns.bidderId,
    columns.amount,
  ].map((column) => quoted(column.name));
  const highest = `SELECT b.${itemId ?? ''} AS item, MAX(b.${amount ?? ''}) AS top ${options.live} GROUP BY b.${itemId ?? ''}`;
  const sql =
    `SELECT l.${itemId ?? ''}, l.${bidId ?? ''}, l.${bidderId ?? ''}, l.${amount ?? ''} FROM (${highest}) t` +
    ` JOIN ${rows.tableName(rows.mapping.bids)} l ON l.${itemId ?? ''} = t.item AND l.${amount ?? ''} = t.top`;
  await session.forEachRow(sql, [options.words], (row) => {
    const auction = book.get(rows.itemId(row[0]));
    progress('leaders');
    if (auction === undefined) return;
    const { leadingBidId } = auction;
    if (leadingBidId === null || compareBidIds(rows.bidId(row[1]), leadingBidId) < 0) {
      setLeader(rows, auction, row);
    }
  });
}
