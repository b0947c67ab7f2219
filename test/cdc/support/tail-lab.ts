/**
 * A small auction schema on a real server, and a tail on it that collects what comes.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { BinlogTail } from '../../../cdc/binlog/binlog-tail.ts';
import type { TailOptions } from '../../../cdc/binlog/binlog-tail.ts';
import type { SourcePosition } from '../../../cdc/source/source-position.ts';
import type { ColumnDefinition, TableMapping } from '../../../cdc/mapping/table-mapping.ts';
import type { TailedTransaction } from '../../../cdc/binlog/tailed-transaction.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';
import { parseZone } from '../../../src/auction/zone.ts';
import { AppError } from '../../../src/errors.ts';
import type { Log } from '../../../src/ports.ts';
import { createSourceAccount } from '../../support/database-server.ts';
import type { Account, DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';
import { LAB_HEARTBEAT_MS } from './feed-lab.ts';

const TABLES = [
  `CREATE TABLE items (
     id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT,
     title VARCHAR(100) NOT NULL DEFAULT '',
     status ENUM('draft','live','sold','it''s, over') NOT NULL DEFAULT 'live',
     price DECIMAL(65,2) NULL,
     ends_at DATETIME(3) NULL,
     views INT NOT NULL DEFAULT 0)`,
  `CREATE TABLE bids (
     id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT,
     item_id BIGINT UNSIGNED NOT NULL,
     user_id INT UNSIGNED NOT NULL,
     amount DECIMAL(12,2) NOT NULL,
     note VARCHAR(50) NULL,
     created_at TIMESTAMP(2) NULL DEFAULT CURRENT_TIMESTAMP(2))`,
  `CREATE TABLE users (
     id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT,
     name VARCHAR(50) CHARACTER SET latin1 NOT NULL,
     status VARCHAR(20) NOT NULL DEFAULT 'ok')`,
  `CREATE TABLE watchlist (user_id INT UNSIGNED, item_id BIGINT UNSIGNED, PRIMARY KEY (user_id, item_id))`,
  `CREATE TABLE others (id INT PRIMARY KEY AUTO_INCREMENT, text LONGTEXT)`,
];

let databases = 0;

export interface TailRun {
  readonly transactions: TailedTransaction[];
  readonly tail: BinlogTail;
  /** Row changes so far, in order. */
  changes(): RowChange[];
  /** The error that ended it, or null. */
  error(): AppError | null;
  ended(): boolean;
  /** Waits until this many row changes have come. */
  untilChanges(count: number, withinMs?: number): Promise<RowChange[]>;
  untilEnded(withinMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export class TailLab {
  readonly server: DatabaseServer;
  readonly database: string;
  sql: Connection;
  readonly account: Account;
  mapping: TableMapping;
  readonly logged: string[] = [];
  readonly #runs: TailRun[] = [];

  private constructor(
    server: DatabaseServer,
    parts: { database: string; sql: Connection; account: Account; mapping: TableMapping },
  ) {
    this.server = server;
    this.database = parts.database;
    this.sql = parts.sql;
    this.account = parts.account;
    this.mapping = parts.mapping;
  }

  static async create(
    server: DatabaseServer,
    tables: readonly string[] = TABLES,
  ): Promise<TailLab> {
    databases += 1;
    const database = `lab_${process.pid.toString()}_${databases.toString()}`;
    const sql = await server.connect();
    await sql.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    await sql.query(`USE ${database}`);
    for (const table of tables) await sql.query(table);
    const account = await createSourceAccount(server, database);
    return new TailLab(server, {
      database,
      sql,
      account,
      mapping: await readMapping(sql, database),
    });
  }

  /** Reads the mapping anew, as after a change of the schema. */
  async remap(): Promise<void> {
    this.mapping = await readMapping(this.sql, this.database);
  }

  /** A new session, after the server was restarted. */
  async reconnect(): Promise<void> {
    this.sql = await this.server.connect({ database: this.database });
  }

  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.sql.query(statement);
  }

  position(how: 'gtid' | 'file' = 'gtid'): Promise<SourcePosition> {
    return sourcePosition(this.server, this.sql, how);
  }

  options(overrides: Partial<TailOptions> = {}): TailOptions {
    const zone = parseZone('+00:00');
    if (zone === null) throw new Error('no zone');
    return {
      connection: {
        host: this.server.host,
        port: this.server.port,
        ...this.account,
        connectTimeoutMs: 5000,
      },
      flavour: this.server.flavour,
      serverId: 4_000_000_000 + Math.floor(Math.random() * 1e8),
      mapping: this.mapping,
      zone,
      heartbeatPeriodMs: LAB_HEARTBEAT_MS,
      queueBytesMax: 8 * 1024 * 1024,
      ...overrides,
    };
  }

  tail(from: SourcePosition, overrides: Partial<TailOptions> = {}): TailRun {
    const tail = new BinlogTail(this.options(overrides), { log: this.#log(), now: Date.now });
    return this.follow(tail, from);
  }

  follow(tail: BinlogTail, from: SourcePosition): TailRun {
    const abort = new AbortController();
    const transactions: TailedTransaction[] = [];
    const state: { error: AppError | null; ended: boolean } = { error: null, ended: false };
    const changes = (): RowChange[] =>
      transactions.flatMap((each) => [...each.transaction.changes]);
    const work = (async () => {
      try {
        for await (const transaction of tail.transactions(from, abort.signal))
          transactions.push(transaction);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        state.error = error;
      } finally {
        state.ended = true;
      }
    })();
    const run: TailRun = {
      transactions,
      tail,
      changes,
      error: () => state.error,
      ended: () => state.ended,
      untilChanges: async (count, withinMs = 30_000) => {
        await until(() => changes().length >= count || state.ended, {
          withinMs,
          what: () => `${count.toString()} changes (there are ${changes().length.toString()})`,
        });
        if (changes().length < count && state.error !== null) throw state.error;
        return changes();
      },
      untilEnded: async (withinMs = 30_000) => {
        await until(() => state.ended, { withinMs, what: 'the end of the tail' });
      },
      stop: async () => {
        abort.abort();
        await work;
      },
    };
    this.#runs.push(run);
    return run;
  }

  async stopRuns(): Promise<void> {
    for (const run of this.#runs.splice(0)) await run.stop();
  }

  async close(): Promise<void> {
    await this.stopRuns();
    await this.sql.end();
  }

  #log(): Log {
    const note = (_: object, event: string): void => {
      this.logged.push(event);
    };
    const log: Log = {
      debug: note,
      info: note,
      warn: note,
      error: note,
      fatal: note,
      child: () => log,
    };
    return log;
  }
}

/** Where the server's binlog ends now. */
async function sourcePosition(
  server: DatabaseServer,
  sql: Connection,
  how: 'gtid' | 'file',
): Promise<SourcePosition> {
  const isMysql = server.flavour === 'mysql';
  const [status] = await sql.query<RowDataPacket[]>(
    isMysql ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
  );
  const [gtids] = await sql.query<RowDataPacket[]>(
    isMysql
      ? `SELECT IF(@@GLOBAL.gtid_mode = 'ON', @@GLOBAL.gtid_executed, NULL) AS gtids`
      : 'SELECT @@GLOBAL.gtid_binlog_pos AS gtids',
  );
  const text: unknown = gtids[0]?.['gtids'];
  const binlog = { file: String(status[0]?.['File']), offset: Number(status[0]?.['Position']) };
  const gtidSet = how === 'gtid' && typeof text === 'string' ? text.replace(/\s/g, '') : null;
  return { gtidSet, binlog };
}

async function readMapping(sql: Connection, database: string): Promise<TableMapping> {
  const [rows] = await sql.query<RowDataPacket[]>(
    `SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE AS d, COLUMN_TYPE AS ct, ORDINAL_POSITION AS o,
       IS_NULLABLE AS n, COLUMN_KEY AS k, CHARACTER_SET_NAME AS cs
     FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY t, o`,
    [database],
  );
  const definition = (table: string): ColumnDefinition[] =>
    rows
      .filter((row) => row['t'] === table)
      .map((row) => ({
        name: String(row['c']),
        dataType: String(row['d']).toLowerCase(),
        columnType: String(row['ct']),
        ordinal: Number(row['o']) - 1,
        isNullable: row['n'] === 'YES',
        isPrimaryKey: row['k'] === 'PRI',
        characterSet: row['cs'] === null ? null : String(row['cs']),
      }));
  const column = (table: string, name: string): ColumnDefinition => {
    const found = definition(table).find((each) => each.name === name);
    if (found === undefined) throw new Error(`no column ${table}.${name}`);
    return found;
  };
  return {
    database,
    items: {
      table: 'items',
      definition: definition('items'),
      columns: {
        itemId: column('items', 'id'),
        status: column('items', 'status'),
        currentPrice: column('items', 'price'),
        endTime: column('items', 'ends_at'),
      },
    },
    bids: {
      table: 'bids',
      definition: definition('bids'),
      columns: {
        bidId: column('bids', 'id'),
        itemId: column('bids', 'item_id'),
        bidderId: column('bids', 'user_id'),
        amount: column('bids', 'amount'),
        placedAt: column('bids', 'created_at'),
      },
    },
    users: {
      table: 'users',
      definition: definition('users'),
      columns: {
        userId: column('users', 'id'),
        name: column('users', 'name'),
        status: column('users', 'status'),
      },
    },
    watchlist: {
      table: 'watchlist',
      definition: definition('watchlist'),
      columns: { userId: column('watchlist', 'user_id'), itemId: column('watchlist', 'item_id') },
    },
    statusWords: new Map([
      ['draft', 'upcoming'],
      ['live', 'active'],
      ['sold', 'sold'],
      ["it's, over", 'unsold'],
    ]),
    bannedWords: new Set(['banned']),
  };
}
