/** Handshakes as clients and networks send them: whole, in pieces, with more behind them, or not at all. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { SocketOwner } from '../../server/client-socket.ts';
import { Door } from '../../server/door.ts';
import { Handshakes } from '../../server/handshakes.ts';
import { bind, createListener, stopListening } from '../../server/listener.ts';
import { LocalPlaces, type Places } from '../../server/places.ts';
import { takeUpgrades } from '../../server/quick-upgrades.ts';
import { createUpgrade } from '../../server/upgrade.ts';
import { until } from '../support/until.ts';
import { GatewayHarness, mint, OPTIONS } from './support/gateway-harness.ts';
import { clientFrame, RawClient, upgradeRequest } from './support/raw-client.ts';

const TEXT = 1;
const PING = '{"action":"ping"}';

test('a handshake cut at any byte is a handshake', async () => {
  await using harness = await GatewayHarness.start();
  const request = upgradeRequest(`/?token=${mint()}`);
  for (let cut = 1; cut < request.length; cut += 7) {
    const client = new RawClient(harness.port);
    client.socket.setNoDelay(true);
    client.socket.write(request.slice(0, cut));
    // Two packets: the first has been read when this has been answered.
    expect((await fetch(`http://127.0.0.1:${harness.port}/healthz`)).status).toBe(200);
    client.socket.write(request.slice(cut));
    await client.receives('HTTP/1.1 101');
    client.socket.write(clientFrame(TEXT, PING));
    await client.receives('"pong"');
    client.socket.destroy();
  }
});

test('what a client sends without waiting for the answer is not lost', async () => {
  await using harness = await GatewayHarness.start();
  const client = new RawClient(harness.port);
  const request = Buffer.from(upgradeRequest(`/?token=${mint()}`));
  client.socket.write(Buffer.concat([request, clientFrame(TEXT, PING)]));
  await client.receives('"pong"');
  client.socket.destroy();
});

test('nor while others are asked whether there is a place', async () => {
  const local = new LocalPlaces(OPTIONS, Date.now);
  const questions: (() => void)[] = [];
  const places: Places = {
    enter: (key) =>
      new Promise((resolve) => {
        questions.push(() => {
          resolve(local.enter(key));
        });
      }),
    left: (key) => {
      local.left(key);
    },
    failed: () => undefined,
  };
  const nothing = (): void => undefined;
  const door = new Door({
    options: OPTIONS,
    places,
    isDraining: () => false,
    handshakeCut: nothing,
  });
  const texts: string[] = [];
  const owner: SocketOwner = {
    textReceived: (text) => texts.push(text),
    binaryReceived: nothing,
    controlReceived: () => true,
    socketClosed: nothing,
  };
  const upgrade = createUpgrade({
    options: OPTIONS,
    door,
    refused: nothing,
    accepted: (socket, { wire }) => {
      door.entered(wire);
      socket.attach(owner, wire, null);
    },
  });
  const { handshakes } = door;
  const answer: RequestListener = (_, response) => {
    response.end();
  };
  const server = createListener({ ...OPTIONS, tls: null, handshakes, answer, upgrade });
  const { port } = await bind(server, { host: '127.0.0.1', port: 0 });
  const client = new RawClient(port);
  client.socket.write(upgradeRequest('/'));
  await until(() => questions.length > 0, { what: 'the question' });
  client.socket.write(clientFrame(TEXT, 'early'));
  // It has arrived when a later connection's request has.
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  expect(texts).toEqual([]);
  for (const answerOne of questions) answerOne();
  await until(() => texts.length > 0, { what: 'the early message' });
  expect(texts).toEqual(['early']);
  client.socket.destroy();
  handshakes.cut();
  await stopListening(server);
});

test('a client that goes before it has said anything leaves nothing behind', async () => {
  const handshakes = new Handshakes({
    max: 100,
    perAddressMax: 100,
    keyOf: ({ remoteAddress }) => remoteAddress ?? null,
    evicted: () => undefined,
  });
  const nothing = (): void => undefined;
  const server = createListener({
    handshakeWithinMs: 10_000,
    tls: null,
    handshakes,
    answer: nothing,
    upgrade: nothing,
  });
  const { port } = await bind(server, { host: '127.0.0.1', port: 0 });
  const silent = connect(port, '127.0.0.1');
  const polite = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await Promise.all([once(silent, 'connect'), once(polite, 'connect')]);
  await until(() => handshakes.size === 2, { what: 'both of them' });
  silent.resetAndDestroy();
  polite.end();
  await until(() => handshakes.size === 0, { what: 'their end' });
  await stopListening(server);
});

test('a server stops at once, whoever is silent', async () => {
  const harness = await GatewayHarness.start();
  const silent = new RawClient(harness.port);
  await once(silent.socket, 'connect');
  await setImmediate();
  await harness[Symbol.asyncDispose]();
  await silent.closed();
});

test('a server that somebody else listens to as well is left as it is', () => {
  const server = createServer((_, response) => {
    response.end('http');
  });
  const seen: unknown[] = [];
  server.on('connection', (socket) => seen.push(socket));
  const before = server.listeners('connection');
  takeUpgrades(server, { handshakeWithinMs: 1000, headersMax: 64, upgrade: () => undefined });
  expect(server.listeners('connection')).toEqual(before);
});
