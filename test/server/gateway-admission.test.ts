import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { until } from '../support/until.ts';
import { ANY_TEXT } from './support/any-value.ts';
import { bidPlaced, outbid, standing } from './support/events.ts';
import { GatewayHarness, mint, SECRET, type ClientSetup } from './support/gateway-harness.ts';

const UNAUTHORIZED = { type: 'error', code: 'unauthorized', message: 'Authentication failed' };

describe('carriers of a token', () => {
  const token = mint({ userId: 5 });
  const carriers: [string, ClientSetup][] = [
    ['query', { target: `/?token=${token}` }],
    ['query on any path', { target: `/a/b?x=1&token=${token}` }],
    ['header', { target: '/', options: { headers: { Authorization: `Bearer ${token}` } } }],
    ['subprotocol', { target: '/', protocols: ['gavelcast.v2', `bearer.${token}`] }],
    ['query with v=2', { target: `/?v=2&token=${token}` }],
  ];
  test.each(carriers)('%s', async (_name, setup) => {
    await using harness = await GatewayHarness.start();
    const client = harness.dial(setup);
    await once(client.socket, 'open');
    client.say({ action: 'subscribe', channel: 'notifications' });
    harness.reads.list(1);
    client.say({ action: 'subscribe', itemId: 1 });
    await until(() => client.texts.join().includes('"itemId":1'), { what: 'the subscription' });
    harness.publish(outbid(1, 5));
    await until(() => client.types.includes('outbid'), { what: 'an outbid' });
    expect(client.socket.protocol).toBe(setup.protocols === undefined ? '' : 'gavelcast.v2');
  });
});

test('hello tells a v2 client who it is and what it may do; an old client gets none', async () => {
  await using harness = await GatewayHarness.start();
  const expiresAtMs = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
  const client = harness.dial({ userId: 5, v2: true, expiresAtMs });
  const [hello] = await client.heard(1);
  expect(hello).toEqual({
    type: 'hello',
    userId: 5,
    serverTime: ANY_TEXT,
    heartbeatSeconds: 25,
    expiresAt: new Date(expiresAtMs).toISOString(),
    limits: { subscriptions: 200, messageBytes: 16_384, messagesPerSecond: 20 },
    lastEventId: null,
  });
  const old = await harness.client({ userId: 5 });
  await old.settle();
  expect(old.texts).toEqual([]);
});

describe('refusals are told on the socket, then closed', () => {
  const past = Date.now() - 10_000;
  const refusals: [string, ClientSetup, number][] = [
    ['no token, old client', { target: '/' }, 4500],
    ['rubbish', { target: '/?token=rubbish' }, 4500],
    ['rubbish, v2', { target: '/?token=rubbish', v2: true }, 4500],
    ['empty', { target: '/?token=' }, 4500],
    ['another secret', { secret: 'not-the-secret-of-this-portal-at-all' }, 4500],
    [
      'refresh token of the portal',
      { secret: `${SECRET}-refresh`, claims: { type: 'refresh' } },
      4500,
    ],
    ['refresh token signed like an access token', { claims: { type: 'refresh' } }, 4500],
    ['expired', { expiresAtMs: past }, 4001],
    ['expired, v2', { expiresAtMs: past, v2: true }, 4001],
    ['expired and forged', { expiresAtMs: past, secret: 'not-the-secret-of-this-portal' }, 4500],
  ];
  test.each(refusals)('%s', async (_name, setup, code) => {
    await using harness = await GatewayHarness.start();
    const client = harness.dial(setup);
    expect(await client.closeCode()).toBe(code);
    expect(client.messages).toEqual([UNAUTHORIZED]);
    expect(harness.gateway.stats()).toMatchObject({ authenticationsFailed: 1, usersConnected: 0 });
    await harness.empty();
  });
});

test('no token or part of one is ever logged', async () => {
  await using harness = await GatewayHarness.start();
  const tokens = [
    mint({ secret: 'not-the-secret-of-this-portal' }),
    mint({ expiresAtMs: 1000 }),
    mint(),
  ];
  for (const token of tokens) {
    const client = harness.dial({ target: `/?token=${token}` });
    await once(client.socket, 'open');
    if (token === tokens[2]) await client.leave();
    else await client.closeCode();
  }
  const logged = JSON.stringify(harness.logged);
  for (const token of tokens) {
    for (const part of token.split('.')) expect(logged).not.toContain(part);
  }
});

describe('a token as the first message (v2)', () => {
  test('is as good as one in the request', async () => {
    await using harness = await GatewayHarness.start();
    harness.reads.list(1);
    const client = harness.dial({ target: '/?v=2' });
    await once(client.socket, 'open');
    client.say({ action: 'authenticate', token: mint({ userId: 5 }) });
    client.say({ action: 'subscribe', itemId: 1 });
    expect(await client.heard(2)).toMatchObject([
      { type: 'hello', userId: 5 },
      { type: 'subscribed', itemId: 1 },
    ]);
  });

  test('a bad one, or anything else first, closes with 4500', async () => {
    await using harness = await GatewayHarness.start();
    for (const first of [
      { action: 'authenticate', token: 'rubbish' },
      { action: 'subscribe', itemId: 1 },
      { action: 'ping' },
      'not json',
    ]) {
      const client = harness.dial({ target: '/?v=2' });
      await once(client.socket, 'open');
      client.say(first);
      expect(await client.closeCode()).toBe(4500);
      expect(client.messages).toEqual([UNAUTHORIZED]);
    }
  });

  test('an expired one closes with 4001', async () => {
    await using harness = await GatewayHarness.start();
    const client = harness.dial({ target: '/?v=2' });
    await once(client.socket, 'open');
    client.say({ action: 'authenticate', token: mint({ expiresAtMs: Date.now() - 1000 }) });
    expect(await client.closeCode()).toBe(4001);
  });

  test('none in time closes with 4504', async () => {
    await using harness = await GatewayHarness.start({
      authenticateWithinMs: 100,
      heartbeatIntervalMs: 50,
    });
    const authenticated = await harness.client({ v2: true });
    const client = harness.dial({ target: '/?v=2' });
    expect(await client.closeCode()).toBe(4504);
    expect(client.texts).toEqual([]);
    // It came before the one that ran out of time, and is still here.
    await authenticated.settle();
  });
});

describe('renewing a token in place', () => {
  test('keeps the subscriptions and the connection past the old expiry', async () => {
    await using harness = await GatewayHarness.start({ heartbeatIntervalMs: 50 });
    harness.reads.list(1);
    const client = await harness.client({ userId: 5, v2: true, expiresAtMs: Date.now() + 600_000 });
    await client.ask({ action: 'subscribe', itemId: 1 });
    const renewedMs = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
    const token = mint({ userId: 5, expiresAtMs: renewedMs });
    expect(await client.ask({ action: 'authenticate', token })).toEqual({
      type: 'authenticated',
      expiresAt: new Date(renewedMs).toISOString(),
    });
    harness.skewMs = 700_000;
    await client.settle();
    harness.publish(bidPlaced(1, 4, '15.00'));
    await until(() => client.types.includes('bid_update'), { what: 'the bid' });
  });

  test('another user, a bad or an expired token ends the connection', async () => {
    await using harness = await GatewayHarness.start();
    const cases: [string, number][] = [
      [mint({ userId: 6 }), 4500],
      ['rubbish', 4500],
      [mint({ userId: 5, expiresAtMs: Date.now() - 1000 }), 4001],
    ];
    for (const [token, code] of cases) {
      const client = await harness.client({ userId: 5, v2: true });
      client.say({ action: 'authenticate', token });
      expect(await client.closeCode()).toBe(code);
      expect(client.messages).toEqual([UNAUTHORIZED]);
    }
  });
});

describe('expiry of a live connection', () => {
  test('closes with 4001 after five seconds of grace; a v2 client is told before', async () => {
    await using harness = await GatewayHarness.start({ heartbeatIntervalMs: 50 });
    const expiresAtMs = Math.ceil(Date.now() / 1000) * 1000 + 600_000;
    const old = await harness.client({ expiresAtMs });
    const modern = await harness.client({ expiresAtMs, v2: true });
    harness.stopClock();
    harness.skewMs += expiresAtMs - 30_000 - harness.nowMs;
    expect(await modern.heard(1)).toEqual([
      { type: 'token_expiring', expiresAt: new Date(expiresAtMs).toISOString() },
    ]);
    // Two seconds into the grace: still live.
    harness.skewMs += 32_000;
    await old.settle();
    await modern.settle();
    harness.skewMs += 3000;
    expect(await old.closeCode()).toBe(4001);
    expect(await modern.closeCode()).toBe(4001);
    expect(modern.texts).toHaveLength(1);
    expect(old.texts).toEqual([]);
  });

  test('a message after the grace finds the door shut, whatever the sweep is doing', async () => {
    await using harness = await GatewayHarness.start();
    harness.reads.list(1);
    const client = await harness.client({ expiresAtMs: Date.now() + 600_000 });
    harness.skewMs = 606_000;
    client.say({ action: 'subscribe', itemId: 1 });
    expect(await client.closeCode()).toBe(4001);
    expect(client.texts).toEqual([]);
  });
});

describe('standing of a user', () => {
  test('one who may not connect is closed with 4502; a suspension that is over lets him in', async () => {
    await using harness = await GatewayHarness.start();
    harness.reads.setStanding(5, { mayConnect: false, suspendedUntilMs: null });
    harness.reads.setStanding(6, { mayConnect: false, suspendedUntilMs: Date.now() + 60_000 });
    harness.reads.setStanding(7, { mayConnect: false, suspendedUntilMs: Date.now() - 1000 });
    harness.reads.setStanding(8, { mayConnect: true, suspendedUntilMs: null });
    for (const userId of [5, 6]) {
      const client = harness.dial({ userId, v2: true });
      expect(await client.closeCode()).toBe(4502);
      expect(client.texts).toEqual([]);
    }
    for (const userId of [7, 8]) await harness.client({ userId, v2: true });
    expect(harness.gateway.stats().usersConnected).toBe(2);
  });

  test.each(['at once', 'later'])(
    'one that cannot be read, %s: 1012, to come back',
    async (when) => {
      await using harness = await GatewayHarness.start();
      const failure = new AppError('SOURCE_UNREACHABLE', 'not reached yet');
      if (when === 'later') harness.reads.failure = failure;
      else {
        harness.reads.readStanding = () => {
          throw failure;
        };
      }
      const client = harness.dial({ userId: 5, v2: true });
      expect(await client.closeCode()).toBe(1012);
      expect(client.texts).toEqual([]);
      expect(harness.logged.map(({ event }) => event)).toContain('standing unreadable');
    },
  );

  test('nothing is delivered, nor answered, before the standing is known', async () => {
    await using harness = await GatewayHarness.start();
    harness.reads.list(1);
    const release = harness.reads.holdReads();
    const client = harness.dial({ userId: 5, v2: true });
    await once(client.socket, 'open');
    client.say({ action: 'subscribe', itemId: 1 });
    await until(() => harness.gateway.stats().messagesReceived === 1, { what: 'the message' });
    harness.publish(outbid(1, 5), bidPlaced(1, 4, '15.00'));
    release();
    expect(await client.heard(2)).toMatchObject([{ type: 'hello' }, { type: 'subscribed' }]);
    await client.settle();
    expect(client.texts).toHaveLength(2);
  });

  test('a ban closes every connection of the user in the publish turn, after what came before it', async () => {
    await using harness = await GatewayHarness.start();
    harness.reads.list(1);
    const [one, two, other] = [
      await harness.client({ userId: 5 }),
      await harness.client({ userId: 5, v2: true }),
      await harness.client({ userId: 6 }),
    ];
    for (const client of [one, two, other]) await client.ask({ action: 'subscribe', itemId: 1 });
    harness.publish(bidPlaced(1, 4, '11.00'), standing(5, false), bidPlaced(1, 4, '12.00'));
    expect(harness.gateway.stats()).toMatchObject({ usersConnected: 1, subscriptionsOpen: 1 });
    expect(await one.closeCode()).toBe(4502);
    expect(await two.closeCode()).toBe(4502);
    expect(one.messages.map((it) => it['bidAmount'])).toEqual([undefined, 11]);
    expect(two.messages.map((it) => it['bidAmount'])).toEqual([undefined, 11]);
    await other.settle();
    expect(other.messages.map((it) => it['bidAmount'])).toEqual([undefined, 11, 12]);
  });

  test('reinstatement, or a suspension already over, closes nobody', async () => {
    await using harness = await GatewayHarness.start();
    const client = await harness.client({ userId: 5 });
    harness.publish(standing(5, true), standing(5, false, Date.now() - 1000));
    await client.settle();
  });

  test('a ban committed while the standing is being read closes too', async () => {
    await using harness = await GatewayHarness.start();
    const release = harness.reads.holdReads();
    const client = harness.dial({ userId: 5, v2: true });
    await until(() => harness.gateway.stats().usersConnected === 1, { what: 'the user' });
    harness.publish(standing(5, false));
    expect(await client.closeCode()).toBe(4502);
    release();
    expect(client.texts).toEqual([]);
  });

  test('a standing that cannot be read, or not in time, closes with 1012: come back in a moment', async () => {
    await using harness = await GatewayHarness.start({
      authenticateWithinMs: 100,
      heartbeatIntervalMs: 50,
    });
    harness.reads.failure = new Error('gone away');
    const client = harness.dial({ userId: 5 });
    expect(await client.closeCode()).toBe(1012);
    harness.reads.failure = null;
    const release = harness.reads.holdReads();
    const late = harness.dial({ userId: 5 });
    expect(await late.closeCode()).toBe(1012);
    release();
    expect(client.texts).toEqual([]);
  });
});
