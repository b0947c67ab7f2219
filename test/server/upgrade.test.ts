/** Clients between their request and the end of the turn in which they are taken in. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Door } from '../../server/door.ts';
import type { NoPlace, Places } from '../../server/places.ts';
import { Upgrade } from '../../server/upgrade.ts';
import { until } from '../support/until.ts';
import { GatewayHarness, mint, OPTIONS } from './support/gateway-harness.ts';
import { RawClient, upgradeRequest } from './support/raw-client.ts';

test('of many who come in one turn each gets the answer that is its own', async () => {
  await using harness = await GatewayHarness.start({ path: '/live' });
  const told = (query: string, headers: readonly string[] = []): [string, string[]] => [
    upgradeRequest(`/live?${query}`, headers),
    ['HTTP/1.1 101'],
  ];
  const cases: readonly (readonly [request: string, answers: readonly string[]])[] = [
    told(`token=${mint()}`),
    [told(`token=${mint()}&v=2`)[0], ['HTTP/1.1 101', '"type":"hello"']],
    [told('token=bad')[0], ['HTTP/1.1 101', 'unauthorized']],
    [told(`token=${mint({ secret: 'of another portal, and long enough' })}`)[0], ['unauthorized']],
    [upgradeRequest(`/elsewhere?token=${mint()}`), ['HTTP/1.1 403']],
    [told(`token=${mint()}`)[0].replace(/Key: .*/, 'Key: short'), ['HTTP/1.1 400']],
    [told(`token=${mint()}`)[0].replace('Version: 13', 'Version: 7'), ['HTTP/1.1 400']],
    told(`token=${mint({ userId: 2 })}`, ['Sec-WebSocket-Protocol: gavelcast.v2']),
  ];
  const clients = Array.from({ length: 5 }, () =>
    cases.map(([request, answers]) => ({
      client: new RawClient(harness.port),
      request,
      answers,
    })),
  ).flat();
  await Promise.all(clients.map(({ client }) => once(client.socket, 'connect')));
  // All have asked, and one has gone again, before the server, in this very process, reads any of it.
  for (const { client, request } of clients) client.socket.write(request);
  const gone = new RawClient(harness.port);
  await once(gone.socket, 'connect');
  gone.socket.write(told(`token=${mint()}`)[0]);
  gone.socket.resetAndDestroy();
  for (const { client, answers } of clients) {
    for (const answer of answers) await client.receives(answer);
  }
  await until(() => harness.gateway.stats().authenticationsFailed === 10);
  expect(harness.gateway.stats()).toMatchObject({ usersConnected: 2, upgradesRefused: 5 });
  for (const { client } of clients) client.socket.destroy();
  await harness.empty();
});

/** Keeps count, and lets its owner say when. */
class SlowPlaces implements Places {
  taken = 0;
  readonly #asking: (() => void)[] = [];

  /** How many wait for a place. */
  get asked(): number {
    return this.#asking.length;
  }

  /** Gives all who wait a place. */
  give(): void {
    for (const done of this.#asking.splice(0)) done();
  }

  enter(): Promise<NoPlace | null> {
    return new Promise((done) => {
      this.#asking.push(() => {
        this.taken += 1;
        done(null);
      });
    });
  }

  left(): void {
    this.taken -= 1;
  }

  failed(): void {
    throw new Error('nobody has looked at a token');
  }
}

/** A server of nothing but an {@link Upgrade}, which is refused to whoever is accepted. */
class UpgradeHarness implements AsyncDisposable {
  readonly places = new SlowPlaces();
  readonly refused: number[] = [];
  isDraining = false;
  readonly #http = createServer();
  readonly #requests: (readonly [IncomingMessage, Duplex])[] = [];

  /** So many clients, each of whom waits for a place. */
  async start(count = 1): Promise<readonly RawClient[]> {
    const door = new Door({
      options: OPTIONS,
      places: this.places,
      isDraining: () => this.isDraining,
      handshakeCut: () => undefined,
    });
    const upgrade = new Upgrade({
      options: OPTIONS,
      door,
      refused: (status) => this.refused.push(status),
      accepted: () => {
        throw new Error('somebody was accepted');
      },
      begin: () => {
        throw new Error('somebody began');
      },
    });
    this.#http.on('upgrade', (request: IncomingMessage, wire: Duplex, head: Buffer) => {
      this.#requests.push([request, wire]);
      upgrade.requested(request, wire, head);
    });
    this.#http.listen({ host: '127.0.0.1', port: 0 });
    await once(this.#http, 'listening');
    const { port } = this.#http.address() as AddressInfo;
    const clients = Array.from({ length: count }, () => new RawClient(port));
    for (const { socket } of clients) socket.write(upgradeRequest(`/?token=${mint()}`));
    await until(() => this.places.asked === count);
    return clients;
  }

  /** The server's end of the client's connection. */
  get wire(): Duplex | undefined {
    return this.#requests[0]?.[1];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#http, 'close');
    this.#http.close();
    await closed;
  }
}

test('whoever has a place when the server begins to leave is told to come back, and the place is given back', async () => {
  await using harness = new UpgradeHarness();
  const [client] = await harness.start();
  harness.places.give();
  harness.isDraining = true;
  await client?.closed();
  expect(client?.text).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: \d+\r\n/);
  expect(harness).toMatchObject({ refused: [503], places: { taken: 0 } });
});

test('whoever goes while a place is looked for harms nobody, and the place is given back', async () => {
  await using harness = new UpgradeHarness();
  const [client] = await harness.start();
  client?.socket.resetAndDestroy();
  await until(() => harness.wire?.destroyed === true);
  harness.places.give();
  expect(harness.places.taken).toBe(1);
  await until(() => harness.places.taken === 0);
  expect(harness.refused).toEqual([]);
});

test('of very many who come at once some wait for a later turn, and nobody is forgotten', async () => {
  await using harness = new UpgradeHarness();
  const clients = await harness.start(150);
  harness.isDraining = true;
  harness.places.give();
  const turns: number[] = [];
  while (harness.refused.length < clients.length) {
    const before = harness.refused.length;
    await nextTurn();
    turns.push(harness.refused.length - before);
  }
  expect(turns.filter((refused) => refused > 0)).toEqual([64, 64, 22]);
  for (const client of clients) await client.closed();
  expect(harness.places.taken).toBe(0);
});
