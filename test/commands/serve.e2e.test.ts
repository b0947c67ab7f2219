/**
 * `serve`, `tail` and `watch` as processes, beside a real database server.
 */
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FLAVOURS } from '../support/database-server.ts';
import { freePort } from '../support/free-port.ts';
import { gavelcastEnv } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { startCommand, type CommandProcess } from './command-process.ts';

const HOUR_MS = 3_600_000;

async function statusOf(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  await response.arrayBuffer();
  return response.status;
}

async function untilReady(port: number, command: CommandProcess): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    if (command.child.exitCode !== null) throw new Error(command.stdout() + command.stderr());
    return (await statusOf(port, '/readyz').catch(() => 0)) === 200;
  };
  await until(isReady, { withinMs: 30_000, what: () => command.stdout() + command.stderr() });
}

describe.each(FLAVOURS)('on %s', (flavour) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage(flavour);
  });
  afterAll(async () => {
    await stage.stop();
  });

  const newItem = async (): Promise<{ itemId: number; bidder: number }> => {
    const sellerId = await stage.portal.addUser({ name: 'Sally', role: 'seller' });
    const bidder = await stage.portal.addUser({ name: 'Bob' });
    const endTime = Date.now() + HOUR_MS;
    const itemId = await stage.portal.addItem({
      title: 'A clock',
      startingPrice: '10.00',
      endTime,
      sellerId,
    });
    return { itemId, bidder };
  };
  const bid = (itemId: number, userId: number, amount: string): Promise<unknown> =>
    stage.portal.placeBid({ itemId, userId, amount, style: 'transaction' });

  test('serve says where it listens and what it tails, and ends in good order', async () => {
    await newItem();
    const port = await freePort();
    const env = gavelcastEnv(stage.source, { WS_PORT: String(port), LOG_FORMAT: 'pretty' });
    const serve = startCommand(['serve'], env);
    await untilReady(port, serve);
    await serve.says(/live auction/);
    const name = flavour === 'mariadb' ? 'MariaDB' : 'MySQL';
    const place = `127.0.0.1:${stage.source.port}/${stage.source.database}`;
    expect(serve.stdout()).toContain(`gavelcast 0.1.0 listening on ws://127.0.0.1:${port}`);
    expect(serve.stdout()).toMatch(
      new RegExp(`tailing ${name} \\d+\\.\\d+\\.\\d+.* at ${place} as '`),
    );
    expect(serve.stdout()).toMatch(/book: \d+ live auctions?/);
    serve.child.kill('SIGTERM');
    expect(await serve.exited()).toBe(0);
    expect(serve.stdout()).toContain('stopped');
    expect(serve.stdout() + serve.stderr()).not.toContain(stage.source.password);
  });

  test('SIGUSR2 makes the log say more while it runs, and less again', async () => {
    const port = await freePort();
    const env = { WS_PORT: String(port), LOG_FORMAT: 'json', LOG_LEVEL: 'warn' };
    const serve = startCommand(['serve'], gavelcastEnv(stage.source, env));
    await untilReady(port, serve);
    expect(serve.stdout()).not.toMatch(/"level":"(debug|info)"/);
    for (const level of ['debug', 'warn']) {
      serve.child.kill('SIGUSR2');
      await serve.says(`"to":"${level}"`);
    }
    serve.child.kill('SIGUSR2');
    await until(() => serve.stdout().split('"to":"debug"').length === 3, {
      what: () => serve.stdout(),
    });
    serve.child.kill('SIGTERM');
    expect(await serve.exited()).toBe(0);
    expect(serve.stdout()).toMatch(/"level":"info".*"msg":"stopped"/);
  });

  test('tail and watch print a bid: readable, and as JSON exactly as clients get it', async () => {
    const { itemId, bidder } = await newItem();
    const other = await newItem();
    const port = await freePort();
    const env = gavelcastEnv(stage.source, { WS_PORT: String(port) });
    const item = ['--item', String(itemId)];
    const serve = startCommand(['serve'], env);
    const tails = [['--json'], []].map((extra) => startCommand(['tail', ...item, ...extra], env));
    await untilReady(port, serve);
    for (const tail of tails) await tail.says('gavelcast: tailing');
    const user = ['--user', String(bidder)];
    const watches = [['--json'], [], ['--legacy', '--json']].map((extra) =>
      startCommand(['watch', ...user, ...item, ...extra], env),
    );
    for (const watch of watches) await watch.says('subscribed');

    await bid(other.itemId, other.bidder, '11.00');
    await bid(itemId, bidder, '12.50');
    for (const command of [...tails, ...watches]) await command.says('bid_update');

    const wire = (command: CommandProcess | undefined): string[] =>
      (command?.stdout() ?? '').split('\n').filter((line) => line.includes('"bid_update"'));
    const [fromTail, readableTail] = tails;
    const [fromWatch, readableWatch, fromOldClient] = watches;
    expect(wire(fromTail)).toHaveLength(1);
    expect(wire(fromTail)[0]).toContain('"bidAmount":12.50,');
    expect(wire(fromWatch)).toEqual(wire(fromTail));
    expect(wire(fromOldClient)).toEqual(wire(fromTail));
    const line = new RegExp(`bid_update +item ${itemId} +12\\.50  Bob \\(${bidder}\\)`);
    expect(readableTail?.stdout()).toMatch(line);
    expect(readableWatch?.stdout()).toMatch(line);

    for (const command of [...tails, ...watches]) command.child.kill('SIGINT');
    for (const command of [...tails, ...watches]) expect(await command.exited()).toBe(0);
    serve.child.kill('SIGINT');
    expect(await serve.exited()).toBe(0);
  });

  test('watch comes back after a restart of the server', async () => {
    const { itemId, bidder } = await newItem();
    const port = await freePort();
    const env = gavelcastEnv(stage.source, { WS_PORT: String(port) });
    const first = startCommand(['serve'], env);
    await untilReady(port, first);
    const watch = startCommand(['watch', '--user', String(bidder), '--item', String(itemId)], env);
    await watch.says('subscribed');
    first.child.kill('SIGTERM');
    await watch.says('closed 1012');
    expect(await first.exited()).toBe(0);
    const second = startCommand(['serve'], env);
    await untilReady(port, second);
    const subscriptions = (): number => watch.stdout().split('subscribed').length - 1;
    await until(() => subscriptions() >= 2, { withinMs: 40_000, what: () => watch.stderr() });
    watch.child.kill('SIGTERM');
    expect(await watch.exited()).toBe(0);
  });

  test('a reader that goes away ends tail', async () => {
    const { itemId, bidder } = await newItem();
    const tail = startCommand(['tail'], gavelcastEnv(stage.source));
    await tail.says('gavelcast: tailing');
    tail.child.stdout?.destroy();
    await bid(itemId, bidder, '12.50');
    expect(await tail.exited()).toBe(0);
    expect(tail.stderr()).not.toMatch(/EPIPE|\n +at /);
  });

  test('what the database lacks is told at once, with code 78', async () => {
    const source = { ...stage.source, database: 'no_such_portal' };
    for (const command of ['serve', 'tail']) {
      const env = gavelcastEnv(source, { WS_PORT: '0' });
      const run = startCommand([command], env);
      expect(await run.exited()).toBe(78);
      expect(run.stderr()).toMatch(/no_such_portal/);
      expect(run.stdout() + run.stderr()).not.toContain(stage.source.password);
    }
  });
});

describe('without a database', () => {
  const nowhere = async (): Promise<Record<string, string>> =>
    gavelcastEnv({
      host: '127.0.0.1',
      port: await freePort(),
      database: 'portal',
      user: 'api',
      password: 'kanarienvogel',
    });

  test('serve answers /healthz, is not ready, keeps trying, and ends in good order', async () => {
    const port = await freePort();
    const serve = startCommand(['serve'], { ...(await nowhere()), WS_PORT: String(port) });
    await serve.says('listening on');
    await serve.says(/SOURCE_UNREACHABLE/);
    expect(await statusOf(port, '/healthz')).toBe(200);
    expect(await statusOf(port, '/readyz')).toBe(503);
    serve.child.kill('SIGTERM');
    expect(await serve.exited()).toBe(0);
    expect(serve.stdout() + serve.stderr()).not.toContain('kanarienvogel');
  });

  test('a second signal ends it at once with code 1', async () => {
    const port = await freePort();
    const env = { ...(await nowhere()), WS_PORT: String(port), DRAIN_SECONDS: '600' };
    const serve = startCommand(['serve'], env);
    await serve.says('listening on');
    // A client that never answers the close frame keeps the drain waiting.
    const token = startCommand(['token', '--user', '1'], env);
    expect(await token.exited()).toBe(0);
    const socket = await openStubbornClient(port, token.stdout().trim());
    serve.child.kill('SIGTERM');
    await serve.says('"msg":"stopping"');
    serve.child.kill('SIGINT');
    expect(await serve.exited()).toBe(1);
    socket.destroy();
  });

  test('a fault that nobody caught: a fatal line, and code 70', async () => {
    const fault = 'process.on("SIGUSR2",()=>{throw new Error("planted")})';
    const env = {
      ...(await nowhere()),
      WS_PORT: '0',
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(fault)}`,
    };
    const serve = startCommand(['serve'], env);
    await serve.says('listening on');
    serve.child.kill('SIGUSR2');
    expect(await serve.exited()).toBe(70);
    expect(serve.stdout()).toMatch(
      /"level":"fatal".*"message":"planted".*"msg":"uncaught exception"/,
    );
  });

  test('a port that is taken: code 69, and what to do', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const serve = startCommand(['serve'], { ...(await nowhere()), WS_PORT: String(port) });
    expect(await serve.exited()).toBe(69);
    expect(serve.stderr()).toContain('PORT_UNAVAILABLE');
    expect(serve.stderr()).toContain(String(port));
    taken.close();
  });

  test('tail ends in good order while it is still looking for its source', async () => {
    const tail = startCommand(['tail'], await nowhere());
    await tail.says(/SOURCE_UNREACHABLE/);
    tail.child.kill('SIGINT');
    expect(await tail.exited()).toBe(0);
  });
});

/** A WebSocket that was opened by hand and reads nothing. */
async function openStubbornClient(port: number, token: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const request = [
    `GET /?token=${token} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  socket.write(`${request.join('\r\n')}\r\n\r\n`);
  const answer: unknown[] = await once(socket, 'data');
  expect(String(answer[0])).toMatch(/^HTTP\/1\.1 101 /);
  return socket;
}
