/** `gavelcast load` against a real server that is told of real bids. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { FLAVOURS } from '../support/database-server.ts';
import { startGavelcast, TEST_JWT_SECRET } from '../support/gavelcast-process.ts';
import type { GavelcastProcess } from '../support/gavelcast-process.ts';
import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { startCommand, type CommandProcess } from './command-process.ts';
import { emptyDirectory } from './context.ts';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

const HOUR_MS = 3_600_000;
const CLIENTS = 40;
const BIDS = 20;
const ENV = { JWT_SECRET: TEST_JWT_SECRET };

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;
  let items: number[];
  let bidder: number;
  let dollars = 10;

  beforeAll(async () => {
    stage = await setStage(flavour);
    const { portal } = stage;
    const sellerId = await portal.addUser({ name: 'Sally', role: 'seller' });
    bidder = await portal.addUser({ name: 'Bob' });
    const about = { title: 'A clock', startingPrice: '10.00', endTime: Date.now() + HOUR_MS };
    items = [
      await portal.addItem({ ...about, sellerId }),
      await portal.addItem({ ...about, sellerId }),
    ];
  });
  afterAll(async () => {
    await stage.stop();
  });

  const serve = async (extra: Record<string, string> = {}): Promise<GavelcastProcess> => {
    const gavelcast = await startGavelcast(stage.source, extra);
    onTestFinished(async () => {
      await gavelcast.stop('SIGKILL');
    });
    return gavelcast;
  };
  const bid = (): Promise<unknown> => {
    dollars += 1;
    const itemId = items[dollars % items.length] ?? 0;
    const amount = `${dollars.toString()}.00`;
    return stage.portal.placeBid({ itemId, userId: bidder, amount, style: 'transaction' });
  };
  const load = ({ url }: GavelcastProcess, ...args: string[]): CommandProcess =>
    startCommand(
      [
        'load',
        url,
        '--clients',
        CLIENTS.toString(),
        '--ramp',
        '1s',
        '--items',
        items.join(','),
        ...args,
      ],
      ENV,
    );
  const allConnected = `${CLIENTS.toString()}/${CLIENTS.toString()} connected`;

  test('every client is connected and told of every bid: a clean report', async () => {
    const gavelcast = await serve();
    const command = load(gavelcast, '--duration', '1h', '--json', '--items-each', '2');
    await command.says(allConnected);
    const witness = await AuctionClient.connect(gavelcast.url, { userId: bidder });
    await witness.subscribe(...items);
    for (let count = 0; count < BIDS; count += 1) await bid();
    const expected = (BIDS * CLIENTS).toString();
    await until(() => witness.of('bid_update').length === BIDS, { what: 'all bids to be told' });
    await witness.close();
    await command.says(/[1-9]\d* events\/s/);
    // The progress lines do not say how many there were in all: two that tell of none, after the last one was sent.
    const lines = (): string[] => command.stderr().trimEnd().split('\n');
    const before = lines().length;
    await until(
      () => {
        const since = lines().slice(before);
        return (
          since.length >= 2 && since.slice(-2).every((line) => line.includes(', 0 events/s, 0'))
        );
      },
      { withinMs: 30_000, what: () => command.stderr() },
    );
    command.child.kill('SIGINT');
    expect(await command.exited(), command.stdout()).toBe(0);
    expect(JSON.parse(command.stdout())).toMatchObject({
      isPartial: true,
      isClean: true,
      clients: { asked: CLIENTS, connected: CLIENTS, reconnects: 0 },
      events: { total: Number(expected), byType: { bid_update: Number(expected) } },
      bids: { missed: 0, repeated: 0, unrecovered: 0 },
      milliseconds: {
        connect: { count: CLIENTS },
        subscribe: { count: CLIENTS },
        // All but the first client of each event.
        spread: { count: BIDS * (CLIENTS - 1) },
      },
      ownDelayMs: expect.any(Number) as number,
    });
  });

  test('clients of a server that restarts come back, miss nothing, and the report says so', async () => {
    const gavelcast = await serve({ STATE_DIR: emptyDirectory() });
    const command = load(gavelcast, '--duration', '1h');
    await command.says(allConnected);
    await bid();
    await command.says(/[1-9]\d* events\/s/);
    expect(await gavelcast.stop()).toBe(0);
    const areAllConnected = (): boolean =>
      command.stderr().trimEnd().split('\n').at(-1)?.includes(allConnected) === true;
    await until(() => !areAllConnected(), { what: () => command.stderr() });
    for (let count = 0; count < BIDS; count += 1) await bid();
    await serve({ WS_PORT: gavelcast.port.toString() });
    await until(areAllConnected, { withinMs: 60_000, what: () => command.stderr() });
    command.child.kill('SIGINT');
    expect(await command.exited()).toBe(1);
    expect(command.stdout()).toMatch(/^clients +40 of 40 connected, \d+ reconnects$/m);
    // Some came back before it was live, and were asked to come again.
    expect(command.stdout()).toMatch(/^closed +1012: \d+$/m);
    expect(command.stdout()).toMatch(/^bids +0 missed, 0 repeated, 0 not recovered$/m);
    expect(command.stdout()).toMatch(/^own delay +p99 \d+(\.\d)? ms$/m);
    expect(command.stdout()).toMatch(/^verdict +not clean$/m);
  });

  test('refusals are counted by status, with what to do about them', async () => {
    const gavelcast = await serve({ TRUSTED_PROXIES: 'none', MAX_CONNECTIONS_PER_ADDRESS: '10' });
    const tokens = join(emptyDirectory(), 'tokens.txt');
    writeFileSync(tokens, `# two users\n${mintToken(1)}\n${mintToken(2)}\n`);
    const command = load(gavelcast, '--duration', '6s', '--tokens', tokens);
    expect(await command.exited()).toBe(1);
    expect(command.stdout()).toMatch(/^clients +10 of 40 connected/m);
    expect(command.stdout()).toMatch(/^refused +429: \d+$/m);
    expect(command.stdout()).toContain('MAX_CONNECTIONS_PER_ADDRESS');
  });

  test('where nobody listens, that is what is counted', async () => {
    const gavelcast = await serve();
    await gavelcast.stop();
    const command = load(gavelcast, '--duration', '6s');
    expect(await command.exited()).toBe(1);
    expect(command.stdout()).toMatch(/^clients +0 of 40 connected/m);
    expect(command.stdout()).toMatch(/^failed +.*ECONNREFUSED.*: \d+$/m);
  });
});
