/** A second server that replicates a first one, as a portal's read replica does. */
import { startDatabase } from './database-server.ts';
import type { DatabaseServer } from './database-server.ts';

/** MySQL 9 gives up after ten tries: a primary that takes longer to come back would leave the replica standing still. */
const RETRIES = 86_400;

/**
 * Starts a server that replicates `primary` from its beginning and logs what it applies, so that it can be tailed, too.
 * By GTID, unless `variables` turn them off. The caller stops it.
 */
export async function startReplica(
  primary: DatabaseServer,
  variables: Readonly<Record<string, string>> = {},
): Promise<DatabaseServer> {
  const { flavour, host, port, admin } = primary;
  const replica = await startDatabase(flavour, {
    variables: { server_id: '2', log_slave_updates: 'ON', ...variables },
  });
  const sql = await replica.connect();
  if (flavour === 'mariadb') {
    await sql.query(
      `CHANGE MASTER TO MASTER_HOST='${host}', MASTER_PORT=${port}, MASTER_USER='${admin.user}',
       MASTER_PASSWORD='${admin.password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1`,
    );
    await sql.query('START SLAVE');
  } else {
    const start =
      variables['gtid_mode'] === 'OFF'
        ? `SOURCE_LOG_FILE='binlog.000001', SOURCE_LOG_POS=4, SOURCE_AUTO_POSITION=0`
        : 'SOURCE_AUTO_POSITION=1';
    await sql.query(
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST='${host}', SOURCE_PORT=${port}, SOURCE_USER='${admin.user}',
       SOURCE_PASSWORD='${admin.password}', GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1,
       SOURCE_RETRY_COUNT=${RETRIES}, ${start}`,
    );
    await sql.query('START REPLICA');
  }
  await sql.end();
  return replica;
}

/** Stops a replica from applying what it is sent, so that it falls behind, or lets it go on. */
export async function setApplying(replica: DatabaseServer, isApplying: boolean): Promise<void> {
  const sql = await replica.connect();
  try {
    const noun = replica.flavour === 'mariadb' ? 'SLAVE' : 'REPLICA';
    await sql.query(`${isApplying ? 'START' : 'STOP'} ${noun} SQL_THREAD`);
  } finally {
    await sql.end();
  }
}
