/**
 * Plain queries beside the binlog: a small pool of `mysql2` connections whose every value comes as text.
 *
 * Sessions run in UTC, so TIMESTAMP columns read as UTC wall-clock text and DATETIME columns verbatim, and in REPEATABLE
 * READ, so that a transaction of several statements sees one state.
 */
import { createConnection } from 'mysql2';
import type { Connection, ConnectionOptions } from 'mysql2';
import { AppError } from '../../src/errors.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { destroySocket } from './vendor-connection.ts';
import { classifySourceError } from './vendor-errors.ts';

/** One value as the server prints it; null is SQL NULL. */
export type Cell = string | null;
export type Row = readonly Cell[];
/** A row by the names of its columns. */
export type NamedRow = ReadonlyMap<string, Cell>;
/** What may stand for a `?`; an array becomes a list for `IN (?)`. */
export type Parameter = string | number | readonly (string | number)[];

/** Anything that runs a query: the pool, or one session of it. */
export interface Queryable {
  /** @throws AppError, the vendor's error as its cause */
  query(sql: string, parameters?: readonly Parameter[]): Promise<readonly Row[]>;
  /**
   * For statements whose columns differ from server to server: of those named here the ones that it has. Nothing else of
   * a row is kept.
   *
   * @throws AppError, the vendor's error as its cause
   */
  queryColumns(sql: string, names: ReadonlySet<string>): Promise<readonly NamedRow[]>;
}

/** One connection of one's own, for transactions and long reads. */
export interface DatabaseSession extends Queryable {
  /**
   * Calls `take` for each row as it comes, however many there are: none is kept. What `take` throws ends the session and
   * is thrown here. A stream of rows would cost twice as much for each (measured on a book of a million auctions).
   *
   * @throws AppError, the vendor's error as its cause
   */
  forEachRow(
    sql: string,
    parameters: readonly Parameter[],
    take: (row: Row) => void,
  ): Promise<void>;
  /** Ends the connection at once, and with it any open transaction. Idempotent. */
  close(): void;
}

const SESSION_SETUP = [
  `SET SESSION time_zone = '+00:00'`,
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
];
const CONNECTIONS_MAX = 4;
const QUERY_TIMEOUT_MS = 30_000;

/** The pool. Connections are made when needed and kept; a dead one is replaced, unseen by whoever only reads. */
export class DatabasePool implements Queryable {
  readonly #settings: ConnectionSettings;
  readonly #connectionsMax: number;
  readonly #idle: Session[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #open = new Set<Session>();
  #taken = 0;
  #isClosed = false;

  constructor(settings: ConnectionSettings, options: { readonly connectionsMax?: number } = {}) {
    this.#settings = settings;
    this.#connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  }

  /** A read; tried again once on a fresh connection when the pooled one turns out to have died (`wait_timeout`). */
  async query(sql: string, parameters: readonly Parameter[] = []): Promise<readonly Row[]> {
    return this.use((session) => session.query(sql, parameters));
  }

  /** As `query`. */
  async queryColumns(sql: string, names: ReadonlySet<string>): Promise<readonly NamedRow[]> {
    return this.use((session) => session.queryColumns(sql, names));
  }

  /**
   * Lends a session of the pool to `work`, which must leave no transaction open on it. `work` only reads: it runs a
   * second time when a pooled connection turns out to have died.
   */
  async use<T>(work: (session: Queryable) => Promise<T>): Promise<T> {
    await this.#take();
    try {
      const pooled = this.#takeIdle();
      if (pooled !== undefined) {
        try {
          return await this.#lend(pooled, work);
        } catch (error) {
          if (!pooled.isBroken) throw error;
        }
      }
      return await this.#lend(await this.session(), work);
    } finally {
      this.#taken -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** A new connection outside the pool's count; the caller closes it. @throws AppError */
  async session(): Promise<Session> {
    if (this.#isClosed) throw new AppError('SOURCE_DISCONNECTED', 'the database pool is closed');
    const session = await Session.open(this.#settings, (closed) => this.#open.delete(closed));
    this.#open.add(session);
    return session;
  }

  /**
   * Gives up every connection, lent ones too: their queries fail at once. For when the network is known to have lost the
   * binlog connection: these went the same way, and each would be waited for until its query timeout.
   */
  renew(): void {
    for (const session of this.#open) session.close();
    this.#idle.length = 0;
  }

  /** Closes every connection at once, lent ones too. Idempotent; `session` and `query` fail from then on. */
  close(): void {
    this.#isClosed = true;
    for (const session of this.#open) session.close();
    this.#idle.length = 0;
  }

  async #lend<T>(session: Session, work: (session: Queryable) => Promise<T>): Promise<T> {
    try {
      const result = await work(session);
      if (!session.isBroken && !this.#isClosed) this.#idle.push(session);
      return result;
    } catch (error) {
      // It may be in the middle of anything: a fresh connection costs less than finding out.
      session.close();
      throw error;
    }
  }

  #takeIdle(): Session | undefined {
    for (;;) {
      const session = this.#idle.pop();
      if (session?.isBroken !== true) return session;
      session.close();
    }
  }

  async #take(): Promise<void> {
    while (this.#taken >= this.#connectionsMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken += 1;
  }
}

class Session implements DatabaseSession {
  readonly #connection: Connection;
  readonly #onClose: (session: Session) => void;
  #isBroken = false;

  static async open(
    settings: ConnectionSettings,
    onClose: (session: Session) => void,
  ): Promise<Session> {
    const connection = createConnection(driverOptions(settings));
    const session = new Session(connection, onClose);
    try {
      await new Promise<void>((resolve, reject) => {
        connection.connect((error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
      for (const sql of SESSION_SETUP) await session.query(sql);
      return session;
    } catch (error) {
      session.close();
      throw classifySourceError(error, 'SOURCE_UNREACHABLE');
    }
  }

  constructor(connection: Connection, onClose: (session: Session) => void) {
    this.#connection = connection;
    this.#onClose = onClose;
    // Also keeps the driver from throwing when an idle connection is cut.
    connection.on('error', () => {
      this.#isBroken = true;
    });
    connection.on('end', () => {
      this.#isBroken = true;
    });
  }

  /** True once the connection itself failed or ended: nothing more can be asked of it. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  async query(sql: string, parameters: readonly Parameter[] = []): Promise<readonly Row[]> {
    return (await this.#ask(sql, parameters)).rows;
  }

  async queryColumns(sql: string, names: ReadonlySet<string>): Promise<readonly NamedRow[]> {
    const { rows, columns } = await this.#ask(sql, []);
    return rows.map((row) => {
      const cells = columns.map((name, at) => [name, row[at] ?? null] as const);
      return new Map(cells.filter(([name]) => names.has(name)));
    });
  }

  #ask(
    sql: string,
    parameters: readonly Parameter[],
  ): Promise<{ readonly rows: readonly Row[]; readonly columns: readonly string[] }> {
    return new Promise((resolve, reject) => {
      const options = { sql, values: [...parameters], timeout: QUERY_TIMEOUT_MS };
      this.#connection.query(options, (error, result, fields) => {
        if (error === null) {
          // A statement without a result set has no columns, whatever the driver's types say.
          const columns = Array.isArray(fields) ? fields.map(({ name }) => name) : [];
          resolve({ rows: rowsOf(result), columns });
          return;
        }
        this.#noteFatal(error);
        reject(classifySourceError(error, 'SOURCE_DISCONNECTED'));
      });
    });
  }

  forEachRow(
    sql: string,
    parameters: readonly Parameter[],
    take: (row: Row) => void,
  ): Promise<void> {
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      const query = connection.query({ sql, values: [...parameters] });
      let isOver = false;
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        connection.off('error', fail);
        settle();
      };
      const fail = (error: unknown): void => {
        this.#noteFatal(error);
        end(() => {
          reject(classifySourceError(error, 'SOURCE_DISCONNECTED'));
        });
      };
      query.on('result', (row) => {
        if (isOver) return;
        try {
          take(rowOf(row));
        } catch (error) {
          end(() => {
            reject(error instanceof Error ? error : new Error(String(error)));
          });
          // A result set left half-read would have to be read to its end before the connection is any use.
          this.close();
        }
      });
      query.on('error', fail);
      // A query without a callback is not told by the driver that its connection is lost.
      connection.on('error', fail);
      query.on('end', () => {
        end(resolve);
      });
    });
  }

  close(): void {
    this.#isBroken = true;
    // The driver's own `destroy` would leave a query without an answer, and the socket open while nobody acknowledges.
    destroySocket(this.#connection);
    this.#onClose(this);
  }

  #noteFatal(error: unknown): void {
    if (error instanceof Error && 'fatal' in error && error.fatal === true) this.#isBroken = true;
  }
}

function driverOptions(settings: ConnectionSettings): ConnectionOptions {
  const { socketPath, ssl } = settings;
  return {
    user: settings.user,
    password: settings.password,
    connectTimeout: settings.connectTimeoutMs,
    charset: 'utf8mb4',
    rowsAsArray: true,
    typeCast: (field) => field.string(),
    ...(socketPath === undefined
      ? { host: settings.host, port: settings.port, enableKeepAlive: true }
      : { socketPath }),
    ...(ssl === undefined ? {} : { ssl }),
  };
}

/** The driver types results as anything; with `rowsAsArray` and our `typeCast` they are arrays of text or null. */
function rowsOf(result: unknown): readonly Row[] {
  return Array.isArray(result) ? result.map(rowOf) : [];
}

function rowOf(row: unknown): Row {
  return row as Row;
}

/** Quotes an identifier. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The vendor's errno behind an error of `query`; null where there is none. */
export function errnoOf(error: unknown): number | null {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number'
    ? cause.errno
    : null;
}
