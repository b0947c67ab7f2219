/**
 * Display names of users, and whether they may connect: bounded caches in front of the users table, kept fresh by its row
 * changes in the order of the stream.
 */
import { LRUCache } from 'lru-cache';
import type { UserId } from '../../src/auction/ids.ts';
import type { UserChange } from '../../src/auction/row-change.ts';
import type { UserStanding } from '../../src/ports.ts';
import { quoted } from '../source/database-pool.ts';
import type { Queryable } from '../source/database-pool.ts';
import type { RowReader } from './row-reader.ts';

/** Users asked for in one SELECT. */
const BATCH_MAX = 500;
const STANDINGS_MAX = 10_000;

/** What the cache holds of one user: a name that is null where the user has none, or does not exist. */
interface KnownName {
  readonly name: string | null;
}

export interface NameCacheOptions {
  readonly database: Queryable;
  /** For standings: they are asked for by clients, and must not make the stream's own reads wait. */
  readonly clientReads: Queryable;
  readonly rows: RowReader;
  /** Names kept; the least recently used go first. */
  readonly namesMax: number;
}

export class NameCache {
  readonly #database: Queryable;
  readonly #clientReads: Queryable;
  #rows: RowReader;
  readonly #names: LRUCache<UserId, KnownName>;
  readonly #standings = new LRUCache<UserId, { readonly standing: UserStanding | null }>({
    max: STANDINGS_MAX,
  });
  /** Grows with every users row change: a read that was under way across one must not be kept. */
  #changes = 0;

  constructor(options: NameCacheOptions) {
    this.#database = options.database;
    this.#clientReads = options.clientReads;
    this.#rows = options.rows;
    this.#names = new LRUCache({ max: options.namesMax });
  }

  /** The name, from the cache alone: null for users that have none or were not prefetched. */
  nameOf(userId: UserId): string | null {
    return this.#names.get(userId)?.name ?? null;
  }

  /** Makes `nameOf` know these users: one SELECT for all that are missing. @throws AppError */
  async prefetch(userIds: Iterable<UserId>): Promise<void> {
    const users = this.#rows.mapping.users;
    if (users?.columns.name === undefined) return;
    const missing = [...new Set(userIds)].filter((id) => !this.#names.has(id));
    for (let at = 0; at < missing.length; at += BATCH_MAX) {
      await this.#read(missing.slice(at, at + BATCH_MAX));
    }
  }

  /** Applies one users row change; call it in stream order, in the tick that publishes its transaction. */
  apply(change: UserChange): void {
    this.#changes += 1;
    this.#standings.delete(change.userId);
    if (change.kind === 'delete') {
      this.#names.set(change.userId, { name: null });
    } else if (change.after.name !== undefined) {
      this.#names.set(change.userId, { name: change.after.name });
    }
  }

  /** Whether a user may connect; null without such a user or without a status column. @throws AppError */
  standingOf(userId: UserId): UserStanding | null | Promise<UserStanding | null> {
    const known = this.#standings.get(userId);
    return known === undefined ? this.#learnStanding(userId) : known.standing;
  }

  /** Forgets everything: the source may be another one. */
  reset(rows: RowReader): void {
    this.#rows = rows;
    this.#changes += 1;
    this.#names.clear();
    this.#standings.clear();
  }

  async #read(userIds: readonly UserId[]): Promise<void> {
    const rows = this.#rows;
    const users = rows.mapping.users;
    const column = users?.columns.name;
    if (users === null || column === undefined) return;
    const key = quoted(users.columns.userId.name);
    const asked = rows.keys(users.columns.userId, userIds);
    const found =
      asked.length === 0
        ? []
        : await this.#database.query(
            `SELECT ${key}, ${quoted(column.name)} FROM ${rows.tableName(users)} WHERE ${key} IN (?)`,
            [asked],
          );
    const names = new Map(found.map((row) => [rows.userId(row[0]), row[1] ?? null]));
    for (const id of userIds) this.#names.set(id, { name: names.get(id) ?? null });
  }

  async #learnStanding(userId: UserId): Promise<UserStanding | null> {
    const changes = this.#changes;
    const standing = await this.#readStanding(userId);
    if (changes === this.#changes) this.#standings.set(userId, { standing });
    return standing;
  }

  async #readStanding(userId: UserId): Promise<UserStanding | null> {
    const rows = this.#rows;
    const users = rows.mapping.users;
    const status = users?.columns.status;
    if (users === null || status === undefined) return { mayConnect: true, suspendedUntilMs: null };
    const [asked] = rows.keys(users.columns.userId, [userId]);
    if (asked === undefined) return null;
    const key = quoted(users.columns.userId.name);
    const until = users.columns.suspendedUntil;
    const columns = [key, quoted(status.name), until === undefined ? 'NULL' : quoted(until.name)];
    const [row] = await this.#clientReads.query(
      `SELECT ${columns.join(', ')} FROM ${rows.tableName(users)} WHERE ${key} = ?`,
      [asked],
    );
    if (row === undefined || rows.userId(row[0]) !== userId) return null;
    return {
      mayConnect: !rows.mapping.bannedWords.has((row[1] ?? '').toLowerCase()),
      suspendedUntilMs: until === undefined ? null : rows.timeMs(until, row[2]),
    };
  }
}
