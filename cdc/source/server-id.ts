/**
 * The id under which we ask for the binlog. Two readers of one id evict each other for ever, so ours is derived from what
 * sets this instance apart, lies where nobody numbers servers by hand, and is checked against those the server knows.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Queryable, Row } from './database-pool.ts';

/** Ids are drawn from here up to 2^32 − 1; people count servers from 1. */
const DERIVED_MIN = 2 ** 31;
const ATTEMPTS_MAX = 20;

/** `taken` are ids of the server itself and of its replicas; null when the account may not list replicas. */
export interface KnownServerIds {
  readonly own: number;
  readonly replicas: ReadonlySet<number> | null;
}

/** An id from 2^31 to 2^32 − 1; the same text gives the same id. */
export function derivedServerId(text: string): number {
  return DERIVED_MIN + (createHash('sha256').update(text).digest().readUInt32BE(0) % DERIVED_MIN);
}

/** A derived id that is not taken; `salt` should differ on each call, as `randomUUID()` does. */
export function freeServerId(known: KnownServerIds, salt: string): number {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const id = derivedServerId(
      `${hostname()} ${process.pid.toString()} ${salt} ${attempt.toString()}`,
    );
    if (!isTaken(known, id)) return id;
  }
  throw new Error('no free server id among 20 random ones');
}

export function isTaken(known: KnownServerIds, id: number): boolean {
  return known.own === id || (known.replicas?.has(id) ?? false);
}

/** Ids of the server's registered replicas; null when it will not tell (MariaDB asks for REPLICATION MASTER ADMIN). */
export async function replicaIds(database: Queryable): Promise<ReadonlySet<number> | null> {
  for (const sql of ['SHOW REPLICAS', 'SHOW SLAVE HOSTS']) {
    const rows = await database.query(sql).catch((): readonly Row[] | null => null);
    if (rows !== null) return new Set(rows.map((row) => Number(row[0])));
  }
  return null;
}
