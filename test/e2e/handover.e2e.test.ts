/**
 * Upgrades without a gap: a new process takes over the port before the old one leaves, while bids are placed. Nobody
 * misses a bid, nobody is told one twice, and at no moment does the port refuse a connection.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuctionClient } from '../support/auction-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { freePort } from '../support/free-port.ts';
import { gavelcastEnv, startGavelcast } from '../support/gavelcast-process.ts';
import { ReturningWatcher } from '../support/returning-watcher.ts';
import { startActivated } from '../support/socket-activation.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const CLIENTS = 2000;
const ITEMS = 8;
/** Between two bids: each is told to an eighth of all clients, by two processes for a while. */
const BID_EVERY_MS = 100;
const HOUR_MS = 3_600_000;
const STEP = { withinMs: 120_000 };

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;
  let directory: string;

  beforeAll(async () => {
    stage = await setStage(flavour);
    directory = mkdtempSync(join(tmpdir(), 'gavelcast-handover-'));
  });
  afterAll(async () => {
    await stage.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('side by side on a shared port: 2,000 clients change over and miss nothing', async () => {
    const port = await freePort();
    const env = (name: string): Record<string, string> => ({
      WS_PORT: port.toString(),
      WS_REUSE_PORT: '1',
      STATE_DIR: join(directory, name),
    });
    await using bids = await Bids.begin(stage);
    const blue = await startGavelcast(stage.source, env('blue'));
    await using clients = await Clients.connect(port, bids.itemIds, CLIENTS);
    await bids.more(10);
    await using knocking = new Knocking(port);

    const green = await startGavelcast(stage.source, env('green'), { waitUntilReady: false });
    await until(() => green.output().includes('"listening"'), {
      ...STEP,
      what: () => `the second process to listen: ${green.output()}`,
    });
    expect(clients.closeCodes).toEqual([]);
    await bids.more(10);
    expect(await blue.stop(), blue.output()).toBe(0);
    await clients.allBack();
    await bids.more(10);
    knocking.stop();

    await clients.expectAllToldOnce(bids.placed);
    expect(new Set(clients.closeCodes)).toEqual(new Set([1012]));
    // A slow database makes the new process ask some to come again; the old one sent each away once.
    expect(clients.closeCodes.length).toBeGreaterThanOrEqual(CLIENTS);
    expect(clients.askedToWaitMs.length).toBe(CLIENTS);
    expect(knocking.refused).toBe(0);
    expect(knocking.answered).toBeGreaterThan(0);
    for (const name of ['blue', 'green']) {
      await until(() => existsSync(join(directory, name)), { what: `the checkpoint of ${name}` });
      const kept = readdirSync(join(directory, name)).filter((file) => !file.endsWith('.tmp'));
      expect(kept).toEqual([`gavelcast-${stage.source.database}.checkpoint.json`]);
    }
    expect(await green.stop()).toBe(0);
  }, 400_000);

  test('one after the other on the socket of a service manager: whoever connects in between waits', async () => {
    const port = await freePort();
    const env = gavelcastEnv(stage.source, {
      // What is set here is not used: the socket is there already.
      WS_PORT: '1',
      STATE_DIR: join(directory, 'activated'),
    });
    await using bids = await Bids.begin(stage);
    const program = startActivated(port, env);
    try {
      await using clients = await Clients.connect(port, bids.itemIds, 200);
      expect(program.output()).toContain(`"url":"ws://127.0.0.1:${port.toString()}"`);
      await bids.more(10);
      await using knocking = new Knocking(port);
      await program.restart();
      // The old one is gone and the new one has only just been started: nobody takes connections yet.
      const patient = await AuctionClient.connect(`ws://127.0.0.1:${port.toString()}`, {
        userId: 990_000,
      });
      await clients.allBack();
      await bids.more(10);
      knocking.stop();
      await clients.expectAllToldOnce(bids.placed);
      expect(new Set(clients.closeCodes)).toEqual(new Set([1012]));
      expect(patient.closeCode).toBe(null);
      expect(knocking.refused).toBe(0);
      expect(program.output()).toContain('launcher: ended with 0');
    } finally {
      await program.stop();
    }
  }, 300_000);

  test('a second process that halts before it is live leaves the port alone', async () => {
    const port = await freePort();
    const shared = { WS_PORT: port.toString(), WS_REUSE_PORT: '1' };
    const blue = await startGavelcast(stage.source, shared);
    const stateDirectory = join(directory, 'halted');
    const file = `gavelcast-${stage.source.database}.checkpoint.json`;
    mkdirSync(stateDirectory);
    writeFileSync(join(stateDirectory, file), JSON.stringify(checkpointOfAnotherServer()));
    const halting = { ...shared, STATE_DIR: stateDirectory, ON_POSITION_LOST: 'halt' };
    const green = await startGavelcast(stage.source, halting, { waitUntilReady: false });
    await until(() => green.output().includes('"port not taken"'), {
      ...STEP,
      what: () => green.output(),
    });
    for (let knock = 0; knock < 20; knock += 1) expect(await blue.isReady()).toBe(true);
    expect(green.output()).not.toContain('"listening"');
    expect(await green.stop()).toBe(0);
    expect(await blue.stop()).toBe(0);
  }, 300_000);

  function checkpointOfAnotherServer(): object {
    return {
      format: 1,
      flavour: flavour === 'mysql' ? 'mariadb' : 'mysql',
      database: stage.source.database,
      identity: 'another',
      schema: 'another',
      gtidSet: null,
      file: 'binlog.000001',
      offset: 4,
      committedAtMs: Date.now(),
      trail: [],
    };
  }
});

/** A portal where somebody bids all the time. */
class Bids implements AsyncDisposable {
  /** Ids of the bids that were committed, by item, in their order. */
  readonly placed = new Map<number, number[]>();
  #count = 0;
  #isOver = false;
  #bidding: Promise<void> = Promise.resolve();

  static async begin({ portal }: Stage): Promise<Bids> {
    const bids = new Bids();
    const sellerId = await portal.addUser({ name: 'Sally', role: 'seller' });
    const endTime = Date.now() + HOUR_MS;
    for (let item = 0; item < ITEMS; item += 1) {
      const about = { title: 'A clock', startingPrice: '10.00', endTime, sellerId };
      bids.placed.set(await portal.addItem(about), []);
    }
    const bidders = [
      await portal.addUser({ name: 'Bob' }),
      await portal.addUser({ name: 'Carol' }),
    ];
    bids.#bidding = bids.#bid(portal, bidders);
    return bids;
  }

  get itemIds(): readonly number[] {
    return [...this.placed.keys()];
  }

  /** Resolves when so many more are committed. */
  async more(count: number): Promise<void> {
    const before = this.#count;
    await until(() => this.#count >= before + count, { ...STEP, what: `${count.toString()} bids` });
  }

  /** No more from here on. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#bidding;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #bid(portal: Stage['portal'], bidders: readonly number[]): Promise<void> {
    const { itemIds } = this;
    while (!this.#isOver) {
      const turn = this.#count;
      const itemId = itemIds[turn % ITEMS] ?? 0;
      const userId = bidders[turn % bidders.length] ?? 0;
      const amount = `${(11 + turn).toString()}.50`;
      const style = turn % 2 === 0 ? 'autocommit' : 'transaction';
      const bidId = await portal.placeBid({ itemId, userId, amount, style });
      this.placed.get(itemId)?.push(bidId);
      this.#count += 1;
      await pause(BID_EVERY_MS);
    }
  }
}

/** Many clients, spread over the items. */
class Clients implements AsyncDisposable {
  readonly #watchers: readonly ReturningWatcher[];

  private constructor(watchers: readonly ReturningWatcher[]) {
    this.#watchers = watchers;
  }

  static async connect(port: number, itemIds: readonly number[], count: number): Promise<Clients> {
    const url = `ws://127.0.0.1:${port.toString()}`;
    const clients = new Clients(
      Array.from({ length: count }, (_, at) => {
        const itemId = itemIds[at % itemIds.length] ?? 0;
        return new ReturningWatcher(url, { userId: 900_000 + at, itemId });
      }),
    );
    for (const watcher of clients.#watchers) watcher.start();
    await clients.allBack();
    // A client that had to try twice, before the server was there, begins only now.
    for (const watcher of clients.#watchers) watcher.closeCodes.length = 0;
    return clients;
  }

  get closeCodes(): readonly number[] {
    return this.#watchers.flatMap((watcher) => watcher.closeCodes);
  }

  get askedToWaitMs(): readonly number[] {
    return this.#watchers.flatMap((watcher) => watcher.askedToWaitMs);
  }

  async allBack(): Promise<void> {
    const away = (): number => this.#watchers.filter((watcher) => !watcher.isSubscribed).length;
    await until(() => away() === 0, { ...STEP, what: () => `${away().toString()} clients` });
  }

  /** Waits until everyone has been told of the last bid, then compares all of it. */
  async expectAllToldOnce(placed: ReadonlyMap<number, readonly number[]>): Promise<void> {
    const owed = ({ itemId, bidsBefore }: ReturningWatcher): readonly number[] =>
      placed.get(itemId)?.slice(bidsBefore ?? 0) ?? [];
    const behind = (): number =>
      this.#watchers.filter((watcher) => watcher.bidIds.length < owed(watcher).length).length;
    await until(() => behind() === 0, { ...STEP, what: () => `${behind().toString()} clients` });
    for (const watcher of this.#watchers) {
      expect(watcher.bidIds).toEqual(owed(watcher));
      expect(watcher.notRecovered).toBe(0);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers) watcher.stop();
    return Promise.resolve();
  }
}

/** Asks the port for a connection again and again. */
class Knocking implements AsyncDisposable {
  answered = 0;
  refused = 0;
  #isOver = false;
  readonly #knocking: Promise<void>;

  constructor(port: number) {
    this.#knocking = this.#knock(port);
  }

  stop(): void {
    this.#isOver = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#knocking;
  }

  async #knock(port: number): Promise<void> {
    while (!this.#isOver) {
      await new Promise<void>((done) => {
        const socket = connect({ host: '127.0.0.1', port });
        socket.once('connect', () => {
          this.answered += 1;
          socket.destroy();
        });
        socket.once('error', (error) => {
          if ('code' in error && error.code === 'ECONNREFUSED') this.refused += 1;
        });
        socket.once('close', () => {
          done();
        });
      });
      await pause(10);
    }
  }
}
