/**
 * A database server with one portal on it and the account Gavelcast uses: what database and end-to-end suites start from.
 */
import { createPool, type Pool } from 'mysql2/promise';

import { createSourceAccount, startDatabase } from './database-server.ts';
import type { DatabaseServer, Flavour } from './database-server.ts';
import type { SourceAddress } from './gavelcast-process.ts';
import { createPortalTables, type PortalShape } from './portal-schema.ts';
import { Portal } from './portal.ts';

export interface Stage {
  readonly server: DatabaseServer;
  readonly pool: Pool;
  readonly portal: Portal;
  readonly source: SourceAddress;
  /** A further portal, of any shape, on the same server. */
  addPortal(shape: PortalShape): Promise<Omit<Stage, 'server' | 'addPortal' | 'stop'>>;
  stop(): Promise<void>;
}

/** Starts a private server and creates one portal of `shape` on it. */
export async function setStage(
  flavour: Flavour,
  options: { shape?: PortalShape; variables?: Readonly<Record<string, string>> } = {},
): Promise<Stage> {
  const server = await startDatabase(
    flavour,
    options.variables === undefined ? {} : { variables: options.variables },
  );
  const pools: Pool[] = [];
  let count = 0;
  const addPortal: Stage['addPortal'] = async (shape) => {
    const database = `portal_${String(++count)}`;
    const admin = await server.connect();
    await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    await admin.end();
    const tables = await server.connect({ database });
    await createPortalTables(tables, shape);
    await tables.end();
    const pool = createPool({
      host: server.host,
      port: server.port,
      ...server.admin,
      database,
      connectionLimit: 25,
      dateStrings: true,
    });
    pools.push(pool);
    const account = await createSourceAccount(server, database);
    const source = { host: server.host, port: server.port, database, ...account };
    return { pool, portal: new Portal(pool, shape), source };
  };
  return {
    server,
    ...(await addPortal(options.shape ?? 'A')),
    addPortal,
    stop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await server.stop();
    },
  };
}
