/** The pool of plain queries when the network forgets its connections. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabasePool } from '../../../cdc/source/database-pool.ts';
import { TcpProxy } from '../../faults/tcp-proxy.ts';
import { FLAVOURS, startDatabase, type DatabaseServer } from '../../support/database-server.ts';
import { until } from '../../support/until.ts';

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
    // Unless it is given up, a query is waited for for half a minute.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
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

  describe('rows one by one', () => {
    const DIGITS = 'SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3';
    const MANY = `SELECT a.d, b.d, NULL FROM (${DIGITS}) a, (${DIGITS}) b WHERE a.d IN (?) ORDER BY 1, 2`;

    test('each comes once, in order, as text', async () => {
      const session = await pool.session();
      const taken: unknown[] = [];
      await session.forEachRow(MANY, [[1, 3]], (row) => taken.push(row));
      expect(taken).toEqual(
        ['1', '3'].flatMap((a) => ['0', '1', '2', '3'].map((b) => [a, b, null])),
      );
      expect(await session.query('SELECT 1')).toEqual([['1']]);
      session.close();
    });

    test('what the taker throws is thrown, and ends the session', async () => {
      const session = await pool.session();
      let taken = 0;
      const reading = session.forEachRow(MANY, [[0, 1, 2, 3]], () => {
        taken += 1;
        throw new Error('enough');
      });
      await expect(reading).rejects.toThrow('enough');
      expect(taken).toBe(1);
      expect(session.isBroken).toBe(true);
    });

    test('a session that is closed under way, a connection that is lost, a statement that is none: each is told', async () => {
      const session = await pool.session();
      const reading = session.forEachRow(`SELECT SLEEP(60), d FROM (${DIGITS}) s`, [], () => 0);
      const refused = expect(reading).rejects.toMatchObject({ code: 'SOURCE_DISCONNECTED' });
      session.close();
      await refused;
      const cut = await pool.session();
      const lost = cut.forEachRow(`SELECT SLEEP(60), d FROM (${DIGITS}) s`, [], () => 0);
      const told = expect(lost).rejects.toMatchObject({ code: 'SOURCE_DISCONNECTED' });
      proxy.cut();
      await told;
      const another = await pool.session();
      await expect(another.forEachRow('SELEC 1', [], () => 0)).rejects.toMatchObject({
        name: 'AppError',
      });
      another.close();
    });
  });
});
