/** The pool of plain queries when the network forgets its connections. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabasePool } from '../../cdc/database-pool.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { FLAVOURS, startDatabase, type DatabaseServer } from '../support/database-server.ts';
import { until } from '../support/until.ts';

describe.each(FLAVOURS)('on %s', (flavour) => {
  let server: DatabaseServer;
  let proxy: TcpProxy;
  let pool: DatabasePool;

  beforeAll(async () => {
    server = await startDatabase(flavour);
    proxy = await TcpProxy.listen(server.port);
    const { host, admin } = server;
    pool = new DatabasePool({ host, port: proxy.port, ...admin, connectTimeoutMs: 5000 });
  });
  afterAll(async () => {
    pool.close();
    await proxy.close();
    await server.stop();
  });

  test('connections given up answer their queries at once and leave no socket', async () => {
    expect(await pool.query('SELECT 1')).toEqual([['1']]);
    proxy.mode('swallow');
    // The kept connection is tried, and nobody answers; after it a fresh one, which works again.
    const asked = pool.query('SELECT 2');
    proxy.mode('pass');
    const startedAt = performance.now();
    pool.renew();
    expect(await asked).toEqual([['2']]);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    pool.renew();
    await until(() => proxy.open === 0, { what: () => `${proxy.open} connections to close` });
  });

  test('a closed pool answers queries under way', async () => {
    const other = new DatabasePool({
      host: server.host,
      port: proxy.port,
      ...server.admin,
      connectTimeoutMs: 5000,
    });
    expect(await other.query('SELECT 1')).toEqual([['1']]);
    proxy.mode('swallow');
    const asked = other.query('SELECT 2');
    const refused = expect(asked).rejects.toMatchObject({ code: 'SOURCE_DISCONNECTED' });
    other.close();
    await refused;
    proxy.mode('pass');
  });
});
