/**
 * The process is killed (SIGKILL) again and again at random, under load, while clients come back with `since`: each of
 * them is told everything that was committed, in order, and never that something could not be recovered.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { judge } from '../faults/judge.ts';
import { Load } from '../faults/load.ts';
import { Subscriber } from '../faults/subscriber.ts';
import { byHand } from '../faults/suite.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { startGavelcast } from '../support/gavelcast-process.ts';
import type { GavelcastProcess } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;
const KILLS = byHand ? 50 : 5;
/** Rows of one transaction over several tables: long enough to be killed in the middle of. */
const GREAT_TRANSACTION_ROWS = 300;

describe.each(FLAVOURS)('%s', (flavour) => {
  let stage: Stage;
  let directory: string;
  let gavelcast: GavelcastProcess | null = null;

  beforeAll(async () => {
    stage = await setStage(flavour);
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-restart-'));
  });
  afterAll(async () => {
    await gavelcast?.stop('SIGKILL');
    await stage.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test(`killed ${KILLS.toString()} times: every client is told all of it, in order, and all is recovered`, async () => {
    const { portal, pool, source } = stage;
    const seller = await portal.addUser({ name: 'Sally', role: 'seller' });
    const endTime = Date.now() + HOUR_MS;
    const load = await Load.create(pool, {
      user: () => portal.addUser({ name: 'Bob' }),
      item: () =>
        portal.addItem({ title: 'A clock', startingPrice: '10.00', endTime, sellerId: seller }),
    });
    const port = await startOn(null);
    const url = `ws://127.0.0.1:${port.toString()}`;
    const { itemIds } = load.ledger;
    const subscribers = [900_001, 900_002, 900_003].map(
      (userId) => new Subscriber(url, { userId, itemIds }),
    );
    for (const subscriber of subscribers) await subscriber.start();
    const greatOnes = new AbortController();
    load.start();
    const writing = writeGreatTransactions(greatOnes.signal);
    await load.more(60);
    const waits: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      // At random, and sometimes before anybody was back.
      const waitMs = Math.floor(Math.random() * 1_500);
      waits.push(waitMs);
      if (kill % 4 !== 3) {
        await until(() => subscribers.every((subscriber) => subscriber.isConnected), {
          withinMs: 30_000,
          what: 'all clients to be back',
        });
      }
      await pause(waitMs);
      await gavelcast?.stop('SIGKILL');
      await startOn(port);
    }
    await load.more(60);
    greatOnes.abort();
    await writing;
    await load.stop();
    await load.settle();
    const expected = load.ledger.size;
    const verdicts = () =>
      subscribers.map((subscriber) =>
        judge({
          epochs: [load.ledger],
          itemIds: [...itemIds],
          told: (itemId) => subscriber.told(itemId),
        }),
      );
    const report = (): string =>
      `${JSON.stringify(verdicts())}; waits ${waits.join(' ')}; ${(gavelcast?.output() ?? '').slice(-2_000)}`;
    await until(() => verdicts().every(({ delivered }) => delivered === expected), {
      withinMs: 30_000,
      everyMs: 200,
      what: () => `${expected.toString()} changes at every client: ${report()}`,
    });
    for (const verdict of verdicts()) {
      expect(verdict, report()).toMatchObject({ lost: 0, invented: 0, declared: 0, faults: [] });
    }
    for (const subscriber of subscribers) {
      expect(subscriber.closes.length).toBeGreaterThanOrEqual(KILLS - Math.ceil(KILLS / 4));
      const missed = [...itemIds].flatMap((itemId) =>
        subscriber.told(itemId).filter((it) => it.kind === 'state' && it.reason === 'missed'),
      );
      expect(missed, report()).toEqual([]);
    }
    const kept = readdirSync(directory).filter((name) => !name.endsWith('.tmp'));
    expect(kept).toEqual([`gavelcast-${source.database}.checkpoint.json`]);
  }, 900_000);

  async function startOn(port: number | null): Promise<number> {
    gavelcast = await startGavelcast(stage.source, {
      STATE_DIR: directory,
      ADMIN_PORT: '0',
      ...(port === null ? {} : { WS_PORT: port.toString() }),
    });
    return gavelcast.port;
  }

  async function writeGreatTransactions(signal: AbortSignal): Promise<void> {
    const connection = await stage.pool.getConnection();
    try {
      const [users] = await connection.query<RowDataPacket[]>('SELECT id FROM users');
      for (let turn = 0; !signal.aborted; turn += 1) {
        await connection.beginTransaction();
        for (let row = 0; row < GREAT_TRANSACTION_ROWS / 3; row += 1) {
          await connection.query(`INSERT INTO events (type) VALUES ('great')`);
          await connection.query('UPDATE users SET name = ? WHERE id = ?', [
            `Bob ${turn.toString()}.${row.toString()}`,
            Number(users[row % users.length]?.['id']),
          ]);
          await connection.query('INSERT INTO events (type) SELECT name FROM users LIMIT 1');
        }
        await connection.commit();
        await pause(100);
      }
    } finally {
      connection.release();
    }
  }
});
