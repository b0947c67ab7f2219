/**
 * One request's database session, the way a PHP API has it: one connection for the request, statements that commit by
 * themselves or one transaction, and another try when InnoDB picks it as a deadlock's victim.
 */
import type { Connection, Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise';

/** Anything MySQL text can carry. Times go in as epoch seconds through `FROM_UNIXTIME`. */
type SqlValue = string | number | null;

/** Errno ER_LOCK_DEADLOCK, the same on MySQL and MariaDB. */
const DEADLOCK_ERRNO = 1213;
const DEADLOCK_ATTEMPTS_MAX = 20;

/** Hands out one session a request: from a pool side by side, on a single connection one after the other. */
export class PortalSessions {
  readonly #database: Pool | Connection;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(database: Pool | Connection) {
    this.#database = database;
  }

  /** Runs one request on a connection of its own. */
  async run<Result>(request: (session: PortalSession) => Promise<Result>): Promise<Result> {
    const database = this.#database;
    if ('getConnection' in database) {
      const connection = await database.getConnection();
      try {
        return await request(new PortalSession(connection));
      } finally {
        connection.release();
      }
    }
    const previous = this.#turn;
    const result = previous.then(() => request(new PortalSession(database)));
    // The next request waits for this one whatever becomes of it; the failure itself goes to this one's caller.
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** One connection, for the time of one request. */
export class PortalSession {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Rows of a SELECT. */
  async select(sql: string, values: readonly SqlValue[] = []): Promise<RowDataPacket[]> {
    const [rows] = await this.#connection.query<RowDataPacket[]>(sql, [...values]);
    return rows;
  }

  /** One writing statement. Outside `transaction` it commits by itself. @returns the AUTO_INCREMENT key, 0 without. */
  async write(sql: string, values: readonly SqlValue[]): Promise<number> {
    const [header] = await this.#connection.query<ResultSetHeader>(sql, [...values]);
    return header.insertId;
  }

  /** Like `write`, tried again after a deadlock: right only where the statement commits by itself. */
  autocommit(sql: string, values: readonly SqlValue[]): Promise<number> {
    return retryDeadlocks(() => this.write(sql, values));
  }

  /** Commits what `work` wrote, or rolls it back when it throws; the whole is tried again after a deadlock. */
  transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    return retryDeadlocks(async () => {
      await this.#connection.beginTransaction();
      try {
        const result = await work();
        await this.#connection.commit();
        return result;
      } catch (error) {
        await this.#connection.rollback();
        throw error;
      }
    });
  }
}

async function retryDeadlocks<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const isDeadlock =
        error instanceof Error && 'errno' in error && error.errno === DEADLOCK_ERRNO;
      if (!isDeadlock || attempt === DEADLOCK_ATTEMPTS_MAX) throw error;
    }
  }
}
