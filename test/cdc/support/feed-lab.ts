/**
 * A portal's database on a real server, and feeds on it whose events are collected.
 */
import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { createFeed } from '../../../cdc/feed.ts';
import type { Feed, FeedOptions } from '../../../cdc/feed.ts';
import type { SourceInfo } from '../../../cdc/source/source-info.ts';
import type { DomainEvent } from '../../../src/auction/domain-event.ts';
import type { UserId } from '../../../src/auction/ids.ts';
import type { EventBatch, FeedState, Log } from '../../../src/ports.ts';
import { createSourceAccount } from '../../support/database-server.ts';
import type { Account, DatabaseServer } from '../../support/database-server.ts';
import { Portal } from '../../support/portal.ts';
import { createPortalTables, PORTAL_NAMES } from '../../support/portal-schema.ts';
import type { PortalShape } from '../../support/portal-schema.ts';
import { until } from '../../support/until.ts';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines. */
export function memoryLog(lines: LogLine[]): Log {
  const at = (level: string) => (fields: object, event: string) => {
    lines.push({ level, event, fields: { ...fields } });
  };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => log,
  };
  return log;
}

/** A started (or starting) feed and what came out of it. */
export interface FeedRun {
  readonly feed: Feed;
  readonly started: Promise<SourceInfo>;
  readonly batches: EventBatch[];
  readonly states: FeedState[];
  readonly resets: string[];
  readonly log: LogLine[];
  /** Names as they were when each event was published, by event id and user. */
  readonly names: Map<string, string | null>;
  /** Everything but countdown steps, in order. */
  events(): DomainEvent[];
  untilEvents(count: number): Promise<DomainEvent[]>;
  stop(): Promise<void>;
}

/** Three times as long may a server be silent: more than a busy machine keeps one standing still. */
export const LAB_HEARTBEAT_MS = 2_000;

let databases = 0;

export class FeedLab {
  readonly server: DatabaseServer;
  readonly database: string;
  readonly shape: PortalShape;
  readonly pool: Pool;
  readonly portal: Portal;
  readonly account: Account;
  readonly #runs: FeedRun[] = [];

  static async create(server: DatabaseServer, shape: PortalShape): Promise<FeedLab> {
    databases += 1;
    const database = `portal_${databases.toString()}_${process.pid.toString()}`;
    const admin = await server.connect();
    await admin.query(`CREATE DATABASE ${database}`);
    await admin.end();
    const tables = await server.connect({ database });
    await createPortalTables(tables, shape);
    await tables.end();
    return new FeedLab(server, {
      database,
      shape,
      account: await createSourceAccount(server, database),
    });
  }

  constructor(
    server: DatabaseServer,
    what: { readonly database: string; readonly shape: PortalShape; readonly account: Account },
  ) {
    this.server = server;
    this.database = what.database;
    this.shape = what.shape;
    this.account = what.account;
    const { host, port, admin } = server;
    this.pool = createPool({ host, port, ...admin, database: what.database, connectionLimit: 24 });
    this.portal = new Portal(this.pool, what.shape);
  }

  options(more: Partial<FeedOptions> = {}): FeedOptions {
    const { host, port } = this.server;
    return {
      connection: { host, port, ...this.account, connectTimeoutMs: 5_000 },
      database: this.database,
      mappingFile: null,
      zone: null,
      serverId: null,
      heartbeatPeriodMs: LAB_HEARTBEAT_MS,
      onPositionLost: 'resync',
      ...more,
    };
  }

  /** Starts a feed; await `started` for its first stream. */
  run(more: Partial<FeedOptions> = {}): FeedRun {
    const log: LogLine[] = [];
    const feed = createFeed(this.options(more), { log: memoryLog(log), now: Date.now });
    const batches: EventBatch[] = [];
    const states: FeedState[] = [];
    const resets: string[] = [];
    const names = new Map<string, string | null>();
    feed.onState((state) => states.push(state));
    const started = feed.start({
      publish: (batch) => {
        batches.push(batch);
        for (const event of batch.events) {
          const user = nameShownBy(event);
          if (user !== null) names.set(event.eventId, batch.nameOf(user));
        }
      },
      sourceReset: (reason) => resets.push(reason),
    });
    // Whoever wants to know awaits it; a test that expects no failure sees it by what is missing.
    started.catch(() => undefined);
    const events = (): DomainEvent[] =>
      batches.flatMap((batch) => batch.events.filter((event) => event.type !== 'EndingAnnounced'));
    const run: FeedRun = {
      feed,
      started,
      batches,
      states,
      resets,
      log,
      names,
      events,
      untilEvents: async (count) => {
        await until(() => events().length >= count, {
          withinMs: 30_000,
          what: () => `${count.toString()} events; there are ${events().length.toString()}`,
        });
        return events();
      },
      stop: () => feed.stop(),
    };
    this.#runs.push(run);
    return run;
  }

  async rows(sql: string, values: readonly (string | number)[] = []): Promise<RowDataPacket[]> {
    const [rows] = await this.pool.query<RowDataPacket[]>({
      sql,
      values: [...values],
      dateStrings: true,
    });
    return rows;
  }

  async execute(sql: string): Promise<void> {
    await this.pool.query(sql);
  }

  /** What the tables say of each active auction, to compare the book with: `price count leader`. */
  async truth(): Promise<Map<string, string>> {
    const { itemKey, bidKey, hasHighestBidder } = PORTAL_NAMES[this.shape];
    const leader = hasHighestBidder
      ? 'i.highest_bidder_id'
      : `(SELECT bidder_id FROM bids b WHERE b.item_id = i.${itemKey} ORDER BY amount DESC, ${bidKey} LIMIT 1)`;
    const rows = await this.rows(
      `SELECT i.${itemKey} AS id, i.current_price AS price, ${leader} AS leader,
        (SELECT COUNT(*) FROM bids b WHERE b.item_id = i.${itemKey}) AS bids
       FROM items i WHERE i.status = 'active'`,
    );
    return new Map(
      rows.map((row) => [
        String(row['id']),
        `${String(row['price'])} ${String(row['bids'])} ${String(row['leader'])}`,
      ]),
    );
  }

  /** Waits until the book shows what the tables say now: a price is committed after its bid, and a leader may be being read. */
  async untilBookEqualsTables(run: FeedRun): Promise<void> {
    const textOf = (book: ReadonlyMap<string, string>): string =>
      [...book]
        .map((entry) => entry.join(': '))
        .toSorted()
        .join(', ');
    const truth = textOf(await this.truth());
    const shown = (): string => textOf(bookOf(run.feed));
    await until(() => shown() === truth, { what: () => `${truth}; the book has ${shown()}` });
  }

  async close(): Promise<void> {
    await this.stopRuns();
    await this.pool.end();
  }

  async stopRuns(): Promise<void> {
    await Promise.all(this.#runs.splice(0).map((run) => run.stop()));
  }
}

/** The book in the form of `truth`. */
export function bookOf(feed: Feed): Map<string, string> {
  const entries = [...feed.book.values()].filter((auction) => auction.status === 'active');
  return new Map(
    entries.map(({ itemId, currentPrice, bidCount, leaderId }) => [
      itemId,
      `${String(currentPrice)} ${bidCount.toString()} ${String(leaderId)}`,
    ]),
  );
}

function nameShownBy(event: DomainEvent): UserId | null {
  if (event.type === 'BidPlaced') return event.bidderId;
  return event.type === 'AuctionEnded' ? event.winnerId : null;
}
