import { describe, expect, test } from 'vitest';
import type { ConnectionStatus } from '../../client/connection-status.ts';
import { CLOSE_CODES } from '../../src/protocol/close-code.ts';
import { ClientHarness } from './support/client-harness.ts';
import { settle } from './support/fake-environment.ts';

function states(harness: ClientHarness): ConnectionStatus['state'][] {
  const seen: ConnectionStatus['state'][] = [];
  harness.client.on('connection', ({ state }) => seen.push(state));
  return seen;
}

describe('opening', () => {
  test('the token travels as a subprotocol, never in the URL', async () => {
    const harness = new ClientHarness({ url: 'https://live.example.com/socket?region=eu' });
    const seen = states(harness);
    await harness.hello();
    expect(harness.socket.protocols).toEqual(['gavelcast.v2', 'bearer.token-1']);
    expect(harness.socket.url.href).toBe('wss://live.example.com/socket?region=eu');
    expect(seen).toEqual(['live']);
    expect(harness.client.connection).toMatchObject({ state: 'live', transport: 'websocket' });
  });

  test('a watchlist is asked for in the URL', async () => {
    const harness = new ClientHarness({ watchlist: true });
    await settle();
    expect(harness.socket.url.searchParams.get('watchlist')).toBe('1');
  });

  test('no token means signed out: stop', async () => {
    const harness = new ClientHarness({ getToken: () => null });
    await settle();
    expect(harness.client.connection).toMatchObject({ state: 'stopped', reason: 'signed_out' });
    expect(harness.environment.leftovers).toEqual({ timers: 0, listeners: 0, sockets: 0 });
  });

  test('a token that cannot be had is asked for again', async () => {
    let asked = 0;
    const harness = new ClientHarness({
      getToken: () => {
        asked += 1;
        return asked < 3 ? Promise.reject(new Error('the portal is down')) : 'token';
      },
    });
    await settle();
    expect(harness.client.connection).toMatchObject({
      state: 'reconnecting',
      reason: 'token_failed',
    });
    await harness.environment.pass(5000);
    expect(asked).toBe(3);
    expect(harness.environment.sockets).toHaveLength(1);
  });

  test('a token that never comes, and a server that never greets, are given up', async () => {
    const stuck = new ClientHarness({ getToken: () => new Promise(() => undefined) });
    await stuck.environment.pass(30_000);
    expect(stuck.client.connection).toMatchObject({
      state: 'reconnecting',
      reason: 'token_failed',
    });
    const mute = new ClientHarness();
    await mute.environment.pass(10_000);
    expect(mute.client.connection).toMatchObject({ state: 'reconnecting', reason: 'timeout' });
    expect(mute.socket.isClosed).toBe(true);
  });
});

describe('coming back', () => {
  test.each(Object.entries(CLOSE_CODES))('close %s', async (text, { client }) => {
    const code = Number(text);
    const harness = new ClientHarness();
    await harness.hello();
    await harness.environment.pass(6000);
    harness.socket.fall(code);
    const { connection } = harness.client;
    expect(connection).toMatchObject({ code, reason: 'server_closed' });
    if (client === 'stop') {
      expect(connection.state).toBe('stopped');
      await harness.environment.pass(600_000);
      expect(harness.environment.sockets).toHaveLength(1);
      expect(harness.environment.leftovers).toEqual({ timers: 0, listeners: 0, sockets: 0 });
      return;
    }
    expect(connection.state).toBe('reconnecting');
    const waitMs = harness.environment.nextTimerInMs ?? 0;
    expect(waitMs).toBe(client === 'reconnect_later' ? 5750 : 750);
    await harness.environment.pass(waitMs);
    expect(harness.environment.sockets).toHaveLength(2);
    expect(harness.tokensAsked).toBe(client === 'reconnect_new_token' ? 2 : 1);
  });

  test('the wait grows while the server stays away, and is short again after a link that held', async () => {
    const harness = new ClientHarness({ eventsUrl: false });
    const waits: (number | null)[] = [];
    harness.environment.chance = 0.999;
    await settle();
    for (let i = 0; i < 7; i += 1) {
      harness.socket.fall();
      const waitMs = harness.environment.nextTimerInMs ?? 0;
      waits.push(Math.round(waitMs / 1000));
      await harness.environment.pass(waitMs);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 20, 20]);
    await harness.hello();
    harness.socket.fall();
    expect(harness.environment.nextTimerInMs).toBeGreaterThan(19_000);
    await harness.environment.pass(20_000);
    await harness.hello();
    await harness.environment.pass(5000);
    harness.socket.fall();
    expect(harness.environment.nextTimerInMs).toBeLessThan(1000);
  });

  test('a restart that says when to return is obeyed once', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    await harness.environment.pass(6000);
    harness.socket.say({ type: 'reconnect', afterMs: 7000 });
    harness.socket.fall(1012);
    expect(harness.environment.nextTimerInMs).toBe(7750);
    await harness.environment.pass(7750);
    await harness.hello();
    await harness.environment.pass(6000);
    harness.socket.fall(1012);
    expect(harness.environment.nextTimerInMs).toBe(750);
  });

  test('an expired token that is handed out again does not make it spin', async () => {
    const harness = new ClientHarness({ eventsUrl: false });
    await settle();
    for (let minute = 0; minute < 60; minute += 1) {
      harness.socket.fall(4001);
      await harness.environment.pass(1000);
    }
    expect(harness.tokensAsked).toBeLessThan(15);
  });
});

describe('tokens', () => {
  test('one is renewed in place a minute before it expires', async () => {
    const harness = new ClientHarness({ tokenMs: 3_600_000 });
    harness.environment.answersPings = true;
    await harness.hello();
    await harness.environment.pass(3_540_000 - 1);
    expect(harness.socket.actions('authenticate')).toEqual([]);
    await harness.environment.pass(1);
    expect(harness.socket.actions('authenticate')).toEqual([
      { action: 'authenticate', token: 'token-2' },
    ]);
    harness.socket.say({ type: 'authenticated', expiresAt: harness.timeIn(3_600_000) });
    await harness.environment.pass(3_540_000 - 1);
    expect(harness.tokensAsked).toBe(2);
    expect(harness.environment.sockets).toHaveLength(1);
  });

  test('token_expiring brings the renewal forward', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    harness.socket.say({ type: 'token_expiring', expiresAt: harness.timeIn(8000) });
    await harness.environment.pass(3900);
    expect(harness.tokensAsked).toBe(1);
    await harness.environment.pass(200);
    expect(harness.socket.actions('authenticate')).toHaveLength(1);
  });

  test('tokens that live shorter than the server warns ahead are not renewed in a circle', async () => {
    const harness = new ClientHarness({ tokenMs: 20_000 });
    await harness.hello();
    for (let second = 0; second < 60; second += 1) {
      const asked = harness.socket.actions('authenticate').length;
      await harness.environment.pass(1000);
      if (harness.socket.actions('authenticate').length > asked) {
        harness.socket.say({ type: 'authenticated', expiresAt: harness.timeIn(20_000) });
        harness.socket.say({ type: 'token_expiring', expiresAt: harness.timeIn(20_000) });
      }
    }
    expect(harness.tokensAsked).toBe(7);
  });

  test('a renewal that fails is tried again while the link lives', async () => {
    let fails = false;
    let asked = 0;
    const harness = new ClientHarness({
      tokenMs: 120_000,
      getToken: () => {
        asked += 1;
        return fails ? Promise.reject(new Error('no')) : `t${asked}`;
      },
    });
    harness.environment.answersPings = true;
    await harness.hello();
    fails = true;
    await harness.environment.pass(60_500);
    expect(asked).toBe(2);
    fails = false;
    await harness.environment.pass(10_000);
    expect(harness.socket.actions('authenticate')).toEqual([
      { action: 'authenticate', token: 't3' },
    ]);
  });

  test('one known to have expired is not tried', async () => {
    const harness = new ClientHarness({ tokenMs: 10_000, hiddenPauseMs: 1000 });
    await harness.hello();
    harness.environment.change({ hidden: true });
    await harness.environment.pass(3_600_000);
    const asked = harness.tokensAsked;
    harness.environment.change({ hidden: false });
    await settle();
    expect(harness.tokensAsked).toBe(asked + 1);
  });
});

describe('silence', () => {
  test('a link that says nothing is asked, and given up when it does not answer', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    await harness.environment.pass(25_000);
    expect(harness.socket.actions('ping')).toHaveLength(1);
    harness.socket.say({ type: 'pong', serverTime: harness.timeIn(0) });
    await harness.environment.pass(10_000);
    expect(harness.client.connection.state).toBe('live');
    await harness.environment.pass(34_999);
    expect(harness.client.connection.state).toBe('live');
    await harness.environment.pass(1);
    expect(harness.client.connection).toMatchObject({ state: 'reconnecting', reason: 'silent' });
  });

  test('a link that is busy is not asked', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    for (let second = 0; second < 120; second += 1) {
      harness.bid(`e${second}`, 1, second);
      await harness.environment.pass(1000);
    }
    expect(harness.socket.actions('ping')).toEqual([]);
  });
});

describe('network and visibility', () => {
  test('without a network nothing is tried; with it at once', async () => {
    const harness = new ClientHarness();
    const seen = states(harness);
    await harness.hello();
    harness.environment.change({ online: false });
    expect(harness.client.connection).toMatchObject({ state: 'offline', reason: 'network' });
    expect(harness.environment.leftovers.sockets).toBe(0);
    await harness.environment.pass(600_000);
    expect(harness.environment.sockets).toHaveLength(1);
    harness.environment.change({ online: true });
    await harness.hello();
    expect(seen).toEqual(['live', 'offline', 'connecting', 'live']);
  });

  test('a page that starts without a network waits for one', async () => {
    const harness = new ClientHarness();
    harness.environment.change({ online: false });
    await settle();
    expect(harness.environment.sockets).toHaveLength(0);
    expect(harness.client.connection.state).toBe('offline');
  });

  test('a hidden tab keeps its link for five minutes, then lets go until it is seen', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    harness.environment.change({ hidden: true });
    for (let second = 0; second < 299; second += 1) {
      await harness.environment.pass(1000);
      harness.bid(`e${second}`, 1, second);
    }
    expect(harness.client.connection.state).toBe('live');
    await harness.environment.pass(1000);
    expect(harness.client.connection).toMatchObject({ state: 'offline', reason: 'hidden' });
    harness.environment.change({ online: false });
    harness.environment.change({ online: true });
    expect(harness.client.connection.state).toBe('offline');
    harness.environment.change({ hidden: false });
    await harness.hello();
    expect(harness.client.connection.state).toBe('live');
  });

  test('a short look elsewhere costs nothing, however often', async () => {
    const harness = new ClientHarness();
    harness.environment.answersPings = true;
    await harness.hello();
    for (let i = 0; i < 3; i += 1) {
      harness.environment.change({ hidden: true });
      await harness.environment.pass(200_000);
      harness.environment.change({ hidden: false });
      await harness.environment.pass(50_000);
    }
    harness.environment.change({ hidden: true });
    await harness.environment.pass(250_000);
    expect(harness.client.connection.state).toBe('live');
    expect(harness.environment.sockets).toHaveLength(1);
  });

  test('a tab that may stay connected while hidden does', async () => {
    const harness = new ClientHarness({ hiddenPauseMs: Infinity });
    await harness.hello();
    harness.environment.change({ hidden: true });
    for (let minute = 0; minute < 60; minute += 1) {
      await harness.environment.pass(20_000);
      harness.bid(`e${minute}`, 1, minute);
    }
    expect(harness.client.connection.state).toBe('live');
  });

  test('who comes back to a tab finds out soon whether its link is dead', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    harness.environment.change({ hidden: true });
    await harness.environment.pass(1000);
    harness.environment.change({ hidden: false });
    expect(harness.socket.actions('ping')).toHaveLength(1);
    await harness.environment.pass(10_000);
    expect(harness.client.connection).toMatchObject({ state: 'reconnecting', reason: 'silent' });
  });

  test('who looks at a tab that waits for its next try gets it at once', async () => {
    const harness = new ClientHarness();
    await harness.hello();
    harness.socket.fall();
    harness.environment.change({ hidden: false });
    await settle();
    expect(harness.environment.sockets).toHaveLength(2);
  });
});

describe('the feed behind the server', () => {
  test('degraded and restored are told', async () => {
    const harness = new ClientHarness();
    const seen = states(harness);
    await harness.hello();
    harness.socket.say({ type: 'degraded', lagSeconds: 12 });
    harness.socket.say({ type: 'restored', lagSeconds: 0 });
    expect(seen).toEqual(['live', 'degraded', 'live']);
  });
});

describe('the end', () => {
  test('close leaves nothing, whatever the state', async () => {
    const ways: ((harness: ClientHarness) => void | Promise<void>)[] = [
      () => undefined,
      settle,
      (harness) => harness.hello(),
      async (harness) => {
        await settle();
        harness.socket.fall();
      },
      async (harness) => {
        await harness.hello();
        harness.environment.change({ hidden: true });
      },
      async (harness) => {
        await harness.hello();
        harness.environment.change({ online: false });
      },
      async (harness) => {
        await harness.hello();
        harness.client.watch(1, () => undefined);
        harness.socket.say({ type: 'error', code: 'rate_limited', message: 'Rate limit exceeded' });
      },
    ];
    for (const way of ways) {
      const harness = new ClientHarness();
      await way(harness);
      harness.client.close();
      harness.client.close();
      await harness.environment.pass(600_000);
      expect(harness.environment.leftovers).toEqual({ timers: 0, listeners: 0, sockets: 0 });
      expect(harness.client.connection).toMatchObject({ state: 'stopped', reason: 'closed' });
    }
  });
});
