/**
 * Sockets in worker processes, on real servers: what clients of one process are promised holds across several, and
 * processes come and go without anybody missing an event.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuctionClient } from '../support/auction-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { freePort } from '../support/free-port.ts';
import { gavelcastEnv } from '../support/gavelcast-process.ts';
import { startActivated } from '../support/socket-activation.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { isAlive, SpreadClients, WatchedBids, WorkerServer } from '../support/worker-server.ts';

const HOUR_MS = 3_600_000;
const STEP = { withinMs: 60_000 };

const newItemOf = async ({ portal }: Stage): Promise<number> =>
  portal.addItem({
    title: 'A clock',
    startingPrice: '10.00',
    endTime: Date.now() + HOUR_MS,
    sellerId: await portal.addUser({ name: 'Sally', role: 'seller' }),
  });

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;
  let server: WorkerServer;

  beforeAll(async () => {
    stage = await setStage(flavour);
    server = await WorkerServer.start(stage.source);
  });
  afterAll(async () => {
    await server.stop();
    await stage.stop();
  });

  test('an event reaches the watchers on every worker once and in order, the outbid leader wherever he is', async () => {
    const itemId = await newItemOf(stage);
    const bob = await stage.portal.addUser({ name: 'Bob' });
    const carol = await stage.portal.addUser({ name: 'Carol' });
    await using clients = await SpreadClients.connect(server, [bob, carol]);
    for (const client of clients.all) await client.subscribe(itemId);

    const bidIds: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const userId = turn % 2 === 0 ? bob : carol;
      const amount = `${String(20 + turn)}.00`;
      bidIds.push(await stage.portal.placeBid({ itemId, userId, amount, style: 'transaction' }));
    }

    const last = bidIds.at(-1);
    for (const client of clients.all) {
      await client.next('bid_update', (m) => m['bidId'] === last);
      expect(client.of('bid_update').map((m) => m['bidId'])).toEqual(bidIds);
    }
    // Bob led ten times and was outbid each time; Carol, who bid last, one time less.
    for (const [userId, times] of [
      [bob, 10],
      [carol, 9],
    ] as const) {
      for (const client of clients.of(userId)) {
        await until(() => client.of('outbid').length === times, {
          what: () => client.texts.join('\n'),
        });
      }
    }
  }, 120_000);

  test('a deleted user is closed on every worker, and kept out by workers that start later', async () => {
    const userId = await stage.portal.addUser({ name: 'Mallory' });
    await using clients = await SpreadClients.connect(server, [userId]);
    await stage.pool.query('DELETE FROM users WHERE id = ?', [userId]);
    await clients.closed(4502);
    await server.roll();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const again = await server.connect(userId, '192.0.2.50');
      await until(() => again.closeCode === 4502, { what: () => String(again.closeCode) });
    }
  }, 120_000);

  test('kill -9 of a worker under load: it is replaced, and its clients recover everything', async () => {
    await using bids = await WatchedBids.begin(stage, server, await newItemOf(stage));
    await bids.more(5);
    const [place, pid] = [...server.workers()][0] ?? [0, 0];
    process.kill(pid, 'SIGKILL');
    await bids.more(5);
    await server.replaced(new Map([[place, pid]]));
    await bids.more(5);
    await bids.expectAllToldOnce();
    expect(new Set(bids.closeCodes)).toEqual(new Set([1006]));
    expect(server.output()).toContain('"msg":"worker ended"');
    const restarts = 'gavelcast_worker_restarts_total{cause="crash"}';
    expect((await server.metrics()).get(restarts)).toBe(1);
  }, 120_000);

  test('SIGHUP replaces the workers one by one: clients are asked to come back, and miss nothing', async () => {
    await using bids = await WatchedBids.begin(stage, server, await newItemOf(stage));
    await bids.more(5);
    const rolled = server.roll();
    await bids.more(20);
    await rolled;
    await bids.more(5);
    await bids.expectAllToldOnce();
    // An attempt that the kernel had just given to a worker that leaves is reset, and made again.
    const closed = bids.closeCodes.filter((code) => code !== 1006);
    expect(new Set(closed)).toEqual(new Set([1012]));
    expect(bids.askedToWait).toBe(closed.length);
  }, 120_000);
});

describe('processes', () => {
  let stage: Stage;
  let server: WorkerServer;

  beforeAll(async () => {
    stage = await setStage(FLAVOURS[0] ?? 'mariadb');
    server = await WorkerServer.start(stage.source);
  });
  afterAll(async () => {
    await server.stop();
    await stage.stop();
  });

  test('the metrics and the admin page show all workers on one address', async () => {
    const userId = await stage.portal.addUser({ name: 'Dora' });
    const accepted = 'gavelcast_connections_accepted_total';
    const before = (await server.metrics()).get(accepted) ?? 0;
    await using clients = await SpreadClients.connect(server, [userId]);
    const count = clients.all.length;
    const itemId = await newItemOf(stage);
    for (const client of clients.all) {
      client.send({ action: 'subscribe', itemIds: [itemId], watchers: true });
    }
    let seen = '';
    await until(
      async () => {
        const now = await server.metrics();
        seen = [...now].join('\n');
        return (
          now.get('gavelcast_subscriptions') === count &&
          now.get('gavelcast_connections{protocol="v2"}') === count &&
          now.get(accepted) === before + count
        );
      },
      { ...STEP, what: () => seen },
    );
    const metrics = await server.metrics();
    expect(metrics.get('gavelcast_users')).toBe(1);
    expect(metrics.get('gavelcast_workers')).toBe(2);
    expect(metrics.get('gavelcast_commit_to_socket_seconds_count')).toBeGreaterThan(0);
    for (const client of clients.all) await client.next('watchers', (m) => m['count'] === count);
    await until(async () => (await server.picture(itemId)).followed?.watchers === count, {
      ...STEP,
      what: 'the page to show the watchers on all workers',
    });
    const { workers } = await server.picture(itemId);
    expect(workers).toMatchObject(
      [...server.workers()]
        .sort(([a], [b]) => a - b)
        .map(([worker, pid]) => ({ worker, pid, state: 'serving' })),
    );
    expect(await server.disconnect(userId)).toBe(count);
    await clients.closed(4001);
  }, 120_000);

  test('limits hold for all workers together', async () => {
    const limited = await WorkerServer.start(stage.source, {
      MAX_CONNECTIONS: '10',
      MAX_CONNECTIONS_PER_USER: '3',
      MAX_CONNECTIONS_PER_ADDRESS: '6',
      MAX_FAILED_AUTHENTICATIONS: '4',
    });
    try {
      // One user: the oldest goes, wherever it is.
      const own: AuctionClient[] = [];
      for (let count = 0; count < 6; count += 1) {
        const client = await limited.connect(71, '192.0.2.1');
        await client.next('hello');
        own.push(client);
      }
      await until(() => own.filter(({ closeCode }) => closeCode === 4503).length === 3, {
        what: () => own.map(({ closeCode }) => String(closeCode)).join(),
      });
      expect(own.map(({ closeCode }) => closeCode === null)).toEqual([
        false,
        false,
        false,
        true,
        true,
        true,
      ]);
      const open = async (count: number): Promise<unknown> =>
        until(async () => (await limited.spread()).reduce((a, b) => a + b, 0) === count, {
          ...STEP,
          what: `${String(count)} connections`,
        });
      await open(3);
      // One address: three are open.
      for (let userId = 80; userId < 83; userId += 1) await limited.connect(userId, '192.0.2.1');
      expect(await limited.statusOf(83, '192.0.2.1')).toBe(429);
      // In all: six are open.
      for (let userId = 90; userId < 94; userId += 1) await limited.connect(userId, '192.0.2.2');
      expect(await limited.statusOf(94, '192.0.2.3')).toBe(503);
      for (const client of own) await client.close();
      await open(7);
      // Guesses, whichever worker they go to.
      await until(
        async () => {
          const status = await limited.statusOf(95, '192.0.2.9', 'not-a-token');
          return status === 429;
        },
        { what: 'an address that guesses to have to wait' },
      );
    } finally {
      await limited.stop();
    }
  }, 120_000);

  test('workers listen on the socket of a service manager, too', async () => {
    const port = await freePort();
    // What is set here is not used: the socket is there already.
    const env = gavelcastEnv(stage.source, { WORKERS: '2', WS_PORT: '1' });
    const program = startActivated(port, env);
    try {
      const url = `ws://127.0.0.1:${port.toString()}`;
      await until(() => program.output().includes('"msg":"listening"'), {
        ...STEP,
        what: () => program.output(),
      });
      const client = await AuctionClient.connect(url, { userId: 62, v2: true });
      await client.next('hello');
      expect(program.output()).toContain(`"url":"${url}"`);
      expect(program.output().split('"msg":"worker serving"').length).toBe(3);
    } finally {
      await program.stop();
    }
    expect(program.output()).toContain('launcher: ended with 0');
  }, 120_000);

  test('kill -9 of the primary takes its workers down', async () => {
    const killed = await WorkerServer.start(stage.source);
    await using clients = await SpreadClients.connect(killed, [61]);
    const pids = [...killed.workers().values()];
    await killed.stop('SIGKILL');
    await until(() => pids.every((pid) => !isAlive(pid)), { ...STEP, what: 'the workers to end' });
    await clients.closed(1006);
    expect(pids.length).toBe(2);
  }, 120_000);

  test('SIGTERM: everybody is sent away, exit 0, no process is left', async () => {
    await using clients = await SpreadClients.connect(server, [60]);
    const pids = [...server.workers().values()];
    expect(await server.stop(), server.output()).toBe(0);
    await clients.closed(1012);
    expect(pids.length).toBe(2);
    expect(pids.filter(isAlive)).toEqual([]);
  }, 120_000);
});
