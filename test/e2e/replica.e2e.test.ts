/**
 * A node beside a replica that stops: load balancers, clients, Prometheus and the log are told, and told again when it
 * goes on.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuctionClient } from '../support/auction-client.ts';
import { FLAVOURS, type DatabaseServer } from '../support/database-server.ts';
import { freePort } from '../support/free-port.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { setApplying, startReplica } from '../support/replica.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** It is asked every five seconds, and must say so twice. */
const WITHIN = { withinMs: 50_000, everyMs: 100 };
const HOUR_MS = 3_600_000;

describe.each(FLAVOURS)('%s', (flavour) => {
  let stage: Stage;
  let replica: DatabaseServer;
  let gavelcast: GavelcastProcess;
  let adminPort: number;
  let bidder: number;
  let item: number;

  beforeAll(async () => {
    stage = await setStage(flavour);
    replica = await startReplica(stage.server);
    const sellerId = await stage.portal.addUser({ name: 'Sally', role: 'seller' });
    bidder = await stage.portal.addUser({ name: 'Ann' });
    const endTime = Date.now() + HOUR_MS;
    item = await stage.portal.addItem({ title: 'x', startingPrice: '1.00', sellerId, endTime });
    const admin = await replica.connect();
    const table = `${stage.source.database}.items`;
    await until(() => admin.query(`SELECT id FROM ${table}`).then(rowsIn, () => false), {
      ...WITHIN,
      what: 'the item on the replica',
    });
    if (flavour === 'mariadb') {
      await admin.query(`GRANT REPLICA MONITOR ON *.* TO '${stage.source.user}'@'%'`);
    }
    await admin.end();
    adminPort = await freePort();
    const beside = { ...stage.source, port: replica.port };
    gavelcast = await startGavelcast(beside, { ADMIN_PORT: String(adminPort) });
  });
  afterAll(async () => {
    await gavelcast.stop();
    await replica.stop();
    await stage.stop();
  });

  const metric = async (): Promise<string | undefined> => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
    return /^gavelcast_source_replication_running (\d)$/m.exec(await response.text())?.[1];
  };
  const readiness = async (): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${gavelcast.port}/readyz`);
    return [response.status, await response.json()];
  };

  test('a replica that stops makes its node unready and degraded; started again, all is told', async () => {
    const client = await AuctionClient.connect(gavelcast.url, { userId: bidder, v2: true });
    await client.subscribe(item);
    await until(async () => (await metric()) === '1', { ...WITHIN, what: 'the metric' });

    await setApplying(replica, false);
    const bid = { itemId: item, userId: bidder, amount: '2.00' };
    await stage.portal.placeBid({ ...bid, style: 'autocommit' });
    await until(async () => (await metric()) === '0', { ...WITHIN, what: 'metric 0' });
    expect(await readiness()).toEqual([503, { ready: false, reason: 'replication stopped' }]);
    await until(() => notice(client) === 'degraded', { ...WITHIN, what: 'degraded' });
    expect(gavelcast.output()).toContain('"msg":"replication stopped"');
    expect(client.of('bid_update')).toEqual([]);

    await setApplying(replica, true);
    await until(async () => (await metric()) === '1', { ...WITHIN, what: 'metric 1' });
    await until(() => gavelcast.isReady(), { ...WITHIN, what: 'readiness' });
    await until(() => notice(client) === 'restored', { ...WITHIN, what: 'restored' });
    await client.next('bid_update');
    expect(gavelcast.output()).toContain('"msg":"replication runs again"');
    await client.close();
  });
});

/** What a client was told last of the feed. */
function notice({ received }: AuctionClient): string | undefined {
  return received.findLast(({ type }) => type === 'degraded' || type === 'restored')?.type;
}

function rowsIn([rows]: readonly unknown[]): boolean {
  return Array.isArray(rows) && rows.length > 0;
}
