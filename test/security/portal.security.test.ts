/**
 * The whole program beside a real portal: what is private stays in the database, and who is barred there is barred here.
 */
import { connect, type Socket } from 'node:net';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { freePort } from '../support/free-port.ts';
import {
  startGavelcast,
  TEST_JWT_SECRET,
  type GavelcastProcess,
} from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { PATIENCE_MS, until } from '../support/until.ts';
import { upgradeRequest } from '../server/support/raw-client.ts';

const HOUR_MS = 3_600_000;
/** Digits that nothing else in the database has. */
const RESERVE = '7391846.25';
const MAX_BID = '8462917.75';

/** Every byte a server sends over a bare connection. */
function record(port: number, request: string, heard: string[]): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(request));
  socket.on('data', (bytes: Buffer) => heard.push(bytes.toString('latin1')));
  socket.on('error', () => undefined);
  return socket;
}

async function bodyOf(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  return `${headers}\n${await response.text()}`;
}

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;
  let gavelcast: GavelcastProcess;

  beforeAll(async () => {
    stage = await setStage(flavour, { shape: 'B' });
    gavelcast = await startGavelcast(stage.source);
  });
  afterAll(async () => {
    await gavelcast.stop();
    await stage.stop();
  });

  const newUser = (name: string): Promise<number> => stage.portal.addUser({ name });
  const closeCode = async (client: AuctionClient, withinMs = PATIENCE_MS): Promise<number> => {
    await until(() => client.closeCode !== null, { withinMs, what: 'a close' });
    return client.closeCode ?? 0;
  };
  /** Connects; the close code, or `in` once a ping is answered. */
  const outcome = async (userId: number): Promise<number | 'in'> => {
    const client = await AuctionClient.connect(gavelcast.url, { userId });
    client.send({ action: 'ping' });
    await until(() => client.closeCode !== null || client.of('pong').length > 0);
    const code = client.closeCode;
    await client.close();
    return code ?? 'in';
  };

  test.each(['suspended', 'banned'] as const)(
    '%s: closed with 4502 within a second, refused, and let in again when reinstated',
    async (status) => {
      const userId = await newUser('Mallory');
      const other = await AuctionClient.connect(gavelcast.url, { userId: await newUser('Eve') });
      const clients = [
        await AuctionClient.connect(gavelcast.url, { userId, v2: true }),
        await AuctionClient.connect(gavelcast.url, { userId }),
      ];
      const itemId = await stage.portal.addItem({
        title: 'A clock',
        startingPrice: '10.00',
        endTime: Date.now() + HOUR_MS,
        sellerId: await newUser('Sally'),
      });
      for (const client of [...clients, other]) await client.subscribe(itemId);
      await stage.portal.setUserStatus(userId, status);
      const bid = { itemId, userId: await newUser('Bob'), amount: '12.50' };
      await stage.portal.placeBid({ ...bid, style: 'transaction' });
      // The second begins when others hear what was committed next, which he does not any more: a machine that stands still
      // makes both late.
      await other.next('bid_update');
      for (const client of clients) expect(await closeCode(client, 1000)).toBe(4502);
      expect(clients.flatMap((client) => client.of('bid_update'))).toEqual([]);
      expect(await outcome(userId)).toBe(4502);
      await stage.portal.setUserStatus(userId, 'active');
      await until(async () => (await outcome(userId)) === 'in', { what: 'his reinstatement' });
      expect(other.closeCode).toBeNull();
      await other.close();
    },
  );

  test('a suspension holds until its time, and ends by itself', async () => {
    const userId = await newUser('Trent');
    const client = await AuctionClient.connect(gavelcast.url, { userId });
    await stage.portal.setUserStatus(userId, 'suspended', Date.now() + 15_000);
    expect(await closeCode(client)).toBe(4502);
    expect(await outcome(userId)).toBe(4502);
    await until(async () => (await outcome(userId)) === 'in', {
      withinMs: 60_000,
      everyMs: 250,
      what: 'the end of the suspension',
    });
  }, 120_000);

  test('a deleted user is closed and stays out; one who never had a row gets in, unless asked otherwise', async () => {
    const userId = await newUser('Peggy');
    const client = await AuctionClient.connect(gavelcast.url, { userId });
    client.send({ action: 'ping' });
    await client.next('pong');
    await stage.pool.query('DELETE FROM users WHERE id = ?', [userId]);
    expect(await closeCode(client)).toBe(4502);
    expect(await outcome(userId)).toBe(4502);
    expect(await outcome(900_001)).toBe('in');
    const strict = await startGavelcast(stage.source, { REQUIRE_KNOWN_USER: '1' });
    const stranger = await AuctionClient.connect(strict.url, { userId: 900_001 });
    expect(await closeCode(stranger)).toBe(4502);
    const known = await AuctionClient.connect(strict.url, { userId: await newUser('Victor') });
    known.send({ action: 'ping' });
    await known.next('pong');
    await strict.stop();
  });

  test('SIGHUP takes another secret from the env file and drops nobody', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gavelcast-keys-'));
    const file = join(directory, 'keys.json');
    const next = `${TEST_JWT_SECRET}-of-next-month`;
    const write = (...secrets: string[]): void => {
      writeFileSync(
        file,
        JSON.stringify(secrets.map((secret) => ({ algorithm: 'HS256', secret }))),
      );
    };
    write(TEST_JWT_SECRET);
    const server = await startGavelcast(stage.source, { JWT_SECRET: '', JWT_KEYS_FILE: file });
    const userId = await newUser('Walter');
    const client = await AuctionClient.connect(server.url, { userId });
    const isIn = async (secret: string): Promise<boolean> => {
      const asking = await AuctionClient.connect(server.url, {
        userId,
        token: mintToken(userId, { secret }),
      });
      asking.send({ action: 'ping' });
      await until(() => asking.closeCode !== null || asking.of('pong').length > 0);
      const answer = asking.closeCode === null;
      await asking.close();
      return answer;
    };
    expect([await isIn(TEST_JWT_SECRET), await isIn(next)]).toEqual([true, false]);
    write(next, TEST_JWT_SECRET);
    server.child.kill('SIGHUP');
    await until(() => server.output().includes('"reloaded"'));
    expect([await isIn(TEST_JWT_SECRET), await isIn(next)]).toEqual([true, true]);
    writeFileSync(file, '[{"algorithm":"none"}]');
    server.child.kill('SIGHUP');
    await until(() => server.output().includes('"reload refused"'));
    expect(await isIn(next)).toBe(true);
    client.send({ action: 'ping' });
    await client.next('pong');
    expect(server.output()).not.toContain(next);
    expect(server.output()).not.toContain(TEST_JWT_SECRET);
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  test('private columns, secrets and tokens are in nothing that leaves the process', async () => {
    const adminPort = await freePort();
    const adminToken = 'admin-token-that-nobody-may-read-1234567890';
    const server = await startGavelcast(stage.source, {
      LOG_LEVEL: 'debug',
      ADMIN_PORT: String(adminPort),
      ADMIN_TOKEN: adminToken,
    });
    const { portal, pool } = stage;
    const [sellerId, alice, bob] = [
      await newUser('Sally'),
      await newUser('Alice'),
      await newUser('Bob'),
    ];
    const item = async (status?: string): Promise<number> =>
      portal.addItem({
        title: 'A clock',
        startingPrice: '10.00',
        reservePrice: RESERVE,
        endTime: Date.now() + HOUR_MS,
        sellerId,
        ...(status !== undefined && { status }),
      });
    const [sold, cancelled, hidden] = [await item(), await item(), await item('draft')];

    const heard: string[] = [];
    const tokens = [mintToken(alice), mintToken(bob), mintToken(sellerId)];
    const sockets = tokens.map((token) =>
      record(server.port, upgradeRequest(`/?v=2&token=${token}`), heard),
    );
    const stream = record(
      server.port,
      `GET /events?items=${sold},${cancelled}&token=${mintToken(alice)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      heard,
    );
    const clients = [
      await AuctionClient.connect(server.url, { userId: alice, v2: true }),
      await AuctionClient.connect(server.url, { userId: sellerId }),
    ];
    for (const client of clients) await client.subscribe(sold, cancelled);
    const [first] = clients;
    if (first === undefined) throw new Error('nobody connected');
    for (const message of ['rubbish', '{"action":"x"}', '{"action":"subscribe","itemId":"x"}']) {
      first.socket.send(message);
    }
    first.send({ action: 'subscribe', itemId: hidden });
    first.send({ action: 'subscribe', itemId: 4_000_000_000 });
    first.send({ action: 'subscribe', itemIds: [sold], since: 'rubbish' });

    for (const [n, style] of (['autocommit', 'transaction'] as const).entries()) {
      for (const [m, userId] of [alice, bob].entries()) {
        const amount = `${20 + n * 10 + m}.00`;
        await portal.placeBid({ itemId: sold, userId, amount, style, maxBid: MAX_BID });
      }
    }
    await pool.query('UPDATE bids SET max_bid = max_bid WHERE item_id = ?', [sold]);
    await pool.query('UPDATE items SET reserve_price = reserve_price + 0 WHERE id = ?', [sold]);
    await pool.query(
      "UPDATE users SET email = CONCAT('private-new-', email), password = 'private-word'",
    );
    await portal.renameUser(bob, 'Robert');
    await portal.cancel(cancelled);
    await portal.moveEndTime(sold, Date.now() - 1000);
    await portal.complete();
    await first.next('auction_ended', (message) => message['itemId'] === sold);

    // The connection to the source is cut, so that its errors are heard as well.
    const [threads] = await pool.query<RowDataPacket[]>('SHOW PROCESSLIST');
    for (const { Id, User } of threads) {
      if (User === stage.source.user) await pool.query(`KILL ${String(Id)}`).catch(() => undefined);
    }
    await until(() => server.output().includes('"source retry"'), { what: 'a lost connection' });
    await until(() => server.isReady(), { withinMs: 20_000 });

    const base = `http://127.0.0.1:${server.port}`;
    const admin = `http://127.0.0.1:${adminPort}`;
    const authorization = { Authorization: `Bearer ${adminToken}` };
    heard.push(
      ...(await Promise.all([
        ...['/', '/healthz', '/readyz', '/events', '/nothing?token=private-x'].map((path) =>
          bodyOf(base + path).then((text) => text.replaceAll('private-x', '')),
        ),
        bodyOf(`${base}/notify`, { method: 'POST', body: '{"type":"bid"}' }),
        ...['/', '/healthz', '/metrics', '/nothing'].flatMap((path) => [
          bodyOf(admin + path),
          bodyOf(admin + path, { headers: authorization }),
        ]),
      ])),
    );
    await Promise.all(clients.map((client) => client.close()));
    for (const socket of [...sockets, stream]) socket.destroy();
    expect(await server.stop()).toBe(0);

    heard.push(server.output(), ...clients.flatMap((client) => client.texts));
    const everything = heard.join('\n');
    // The recording is not empty: what may be seen is in it.
    for (const part of ['"bid_update"', '"auction_ended"', '"hello"', 'id:', '"level":"debug"']) {
      expect(everything).toContain(part);
    }
    const digits = (amount: string): string => amount.split('.')[0] ?? amount;
    for (const canary of [
      digits(RESERVE),
      digits(MAX_BID),
      'private-',
      stage.source.password,
      TEST_JWT_SECRET,
      adminToken,
      ...tokens.flatMap((token) => token.split('.').slice(1)),
    ]) {
      const at = everything.indexOf(canary);
      expect(everything.slice(Math.max(0, at - 200), at + 100), canary).toSatisfy(() => at === -1);
    }
  });
});
