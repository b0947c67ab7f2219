/**
 * A visitor's day: the SDK in headless Chromium, the real server, a real database. Whatever happens to the network, the
 * tab, the token, the account, the server or the database, the page hears each bid of the table once, or says why not.
 *
 * `GAVELCAST_OFFLINE_SECONDS=30` keeps the browser offline for as long as the issue asks (6 by default, so that CI is not
 * kept); `GAVELCAST_SCREENSHOTS=<directory>` keeps pictures of what was seen.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { bundleClient } from '../../scripts/build-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { programOnPath } from '../support/database-installation.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { PortalSite } from './support/portal-site.ts';
import { Visit } from './support/visit.ts';

const OFFLINE_MS = Number(process.env['GAVELCAST_OFFLINE_SECONDS'] ?? 6) * 1000;
const HOUR_MS = 3_600_000;
/** How long the server leaves a connection whose token has expired. */
const GRACE_MS = 5_000;

let browser: Browser;
let clientDirectory: string;

beforeAll(async () => {
  clientDirectory = await mkdtemp(join(tmpdir(), 'gavelcast-sdk-'));
  await bundleClient(clientDirectory);
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
    .map(programOnPath)
    .find((path) => path !== null);
  if (executablePath === undefined) throw new Error('No Chromium: install the package chromium.');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
});
afterAll(async () => {
  await browser.close();
  await rm(clientDirectory, { recursive: true });
});

describe.each(FLAVOURS)('%s', (flavour) => {
  let stage: Stage;
  let stateDirectory: string;
  let gavelcast: GavelcastProcess;
  let site: PortalSite;
  let bidders: readonly number[];
  let itemId: number;
  let userId: number;
  let visits: Visit[];
  let amount = 10;

  beforeAll(async () => {
    stage = await setStage(flavour);
    stateDirectory = await mkdtemp(join(tmpdir(), 'gavelcast-state-'));
    gavelcast = await startGavelcast(stage.source, { STATE_DIR: stateDirectory });
    bidders = [
      await stage.portal.addUser({ name: 'Ada' }),
      await stage.portal.addUser({ name: 'Grace' }),
    ];
  });
  afterAll(async () => {
    await gavelcast.stop();
    await stage.stop();
    await rm(stateDirectory, { recursive: true });
  });

  beforeEach(async () => {
    const { portal } = stage;
    site = await PortalSite.open({ clientDirectory, gavelcastPort: gavelcast.port });
    visits = [];
    userId = await portal.addUser({ name: 'Visitor' });
    itemId = await portal.addItem({
      title: 'A long-case clock',
      startingPrice: '10.00',
      endTime: Date.now() + HOUR_MS,
      sellerId: await portal.addUser({ name: 'Sally', role: 'seller' }),
    });
  });
  afterEach(async () => {
    for (const visit of visits) await visit.end();
    await site[Symbol.asyncDispose]();
  });

  const visit = async (
    setup: { hiddenPauseMs?: number } = {},
    looks?: Parameters<typeof Visit.begin>[2],
  ): Promise<Visit> => {
    const visitor = await Visit.begin(
      browser,
      { siteUrl: site.url, itemId, userId, ...setup },
      looks,
    );
    visits.push(visitor);
    return visitor;
  };

  /** Each bid by another bidder, in both styles of the portal. */
  const bid = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) {
      amount += 1;
      await stage.portal.placeBid({
        itemId,
        userId: bidders[amount % 2] ?? 0,
        amount: `${amount.toString()}.50`,
        style: amount % 3 === 0 ? 'transaction' : 'autocommit',
      });
    }
  };

  /** Starts Gavelcast anew on its port, where it left off. */
  const startAgain = async (): Promise<void> => {
    const { port } = gavelcast;
    gavelcast = await startGavelcast(stage.source, {
      STATE_DIR: stateDirectory,
      WS_PORT: port.toString(),
    });
  };

  test('offline and back: nothing missed, nothing twice', async () => {
    const visitor = await visit();
    await bid(3);
    await visitor.hasHeardAll(stage);
    await visitor.page.context().setOffline(true);
    await visitor.shows('offline');
    await visitor.picture(`${flavour}-offline`);
    for (let step = 0; step < 3; step += 1) {
      await bid(2);
      await pause(OFFLINE_MS / 3);
    }
    expect(await visitor.heard()).toHaveLength(4);
    await visitor.page.context().setOffline(false);
    await visitor.hasHeardAll(stage);
    await bid(1);
    await visitor.hasHeardAll(stage);
    await visitor.picture(`${flavour}-online-again`);
  }, 120_000);

  test('a ban stops the page within a second; it says so and does not return', async () => {
    const visitor = await visit();
    const other = await visit();
    await stage.portal.setUserStatus(userId, 'banned');
    await visitor.shows('stopped');
    expect(await visitor.connection()).toMatchObject({ reason: 'server_closed', code: 4502 });
    await visitor.page.getByText('Your account is suspended').waitFor();
    await visitor.picture(`${flavour}-banned`);
    await other.shows('stopped');
    await visitor.page.context().setOffline(true);
    await visitor.page.context().setOffline(false);
    await visitor.becomes('hidden');
    await visitor.becomes('visible');
    await bid(1);
    expect(await visitor.heard()).toHaveLength(1);
    expect(site.socketsAsked).toBe(2);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'the server ends by %s and starts again',
    async (signal) => {
      const visitor = await visit();
      await bid(2);
      await visitor.hasHeardAll(stage);
      const before = (await visitor.connections()).length;
      await gavelcast.stop(signal);
      const gone = await visitor.wasTold('reconnecting', before);
      await visitor.shows('reconnecting');
      await visitor.picture(`${flavour}-server-away-${signal.toLowerCase()}`);
      expect(gone.code).toBe(signal === 'SIGTERM' ? 1012 : 1006);
      await bid(3);
      await startAgain();
      await visitor.hasHeardAll(stage);
      await bid(1);
      await visitor.hasHeardAll(stage);
      await visitor.shows('live');
      const seen = await visitor.connections();
      const next = seen.slice(seen.findLastIndex(({ code }) => code === gone.code)).at(1);
      // The shortest wait of the backoff, and of what a leaving server asks for.
      expect((next?.atMs ?? 0) - gone.atMs).toBeGreaterThanOrEqual(490);
    },
    90_000,
  );

  test('the database restarts: the page says that prices may be old, then that all is well', async () => {
    const visitor = await visit();
    await bid(2);
    await visitor.hasHeardAll(stage);
    const restarted = stage.server.restart();
    await visitor.wasTold('degraded');
    await visitor.picture(`${flavour}-database-away`);
    await restarted;
    await visitor.shows('live');
    await bid(3);
    await visitor.hasHeardAll(stage);
    expect((await visitor.connections()).map(({ state }) => state)).not.toContain('reconnecting');
  }, 120_000);

  // In what follows the database plays no part: one is as good as the other.
  if (flavour !== FLAVOURS[0]) return;

  test('a hidden tab lets go, and returns', async () => {
    const visitor = await visit({ hiddenPauseMs: 500 });
    await bid(1);
    await visitor.hasHeardAll(stage);
    await visitor.becomes('hidden');
    await visitor.shows('offline');
    expect(await visitor.connection()).toMatchObject({ reason: 'hidden' });
    await bid(3);
    await visitor.becomes('visible');
    await visitor.hasHeardAll(stage);
    await visitor.shows('live');
  });

  test('a token is renewed in place; where none is to be had, the page returns with the next one', async () => {
    site.tokenSeconds = 10;
    const visitor = await visit();
    const begunAtMs = Date.now();
    await bid(1);
    // Well past the end of the first token and of what is granted after it.
    await until(() => Date.now() - begunAtMs > site.tokenSeconds * 1000 + GRACE_MS + 1_000, {
      withinMs: 60_000,
    });
    await bid(1);
    await visitor.hasHeardAll(stage);
    expect(site.tokensAsked).toBeGreaterThan(2);
    expect(site.socketsAsked).toBe(1);
    site.tokens = 'unavailable';
    const before = (await visitor.connections()).length;
    const gone = await visitor.wasTold('reconnecting', before);
    expect(gone).toMatchObject({ reason: 'server_closed', code: 4001 });
    await visitor.shows('reconnecting');
    await visitor.picture(`${flavour}-token-expired`);
    await bid(2);
    site.tokens = 'given';
    site.tokenSeconds = 3_600;
    await visitor.hasHeardAll(stage);
    await visitor.shows('live');
    expect(site.socketsAsked).toBe(2);
  }, 180_000);

  test('signed out while away: the page says so and stops asking', async () => {
    site.tokenSeconds = 2;
    const visitor = await visit();
    site.tokens = 'signed out';
    await visitor.shows('stopped');
    expect(await visitor.connection()).toMatchObject({ reason: 'signed_out' });
    await visitor.page.getByText('You are signed out').waitFor();
  });

  test('WebSockets are blocked: events are streamed, cut and recovered', async () => {
    site.takesSockets = false;
    const visitor = await visit();
    expect(await visitor.connection()).toMatchObject({ state: 'live', transport: 'sse' });
    await bid(2);
    await visitor.hasHeardAll(stage);
    await visitor.picture(`${flavour}-without-websockets`);
    const before = (await visitor.connections()).length;
    site.cutAll();
    await visitor.wasTold('reconnecting', before);
    await bid(3);
    await visitor.hasHeardAll(stage);
    expect(await visitor.connection()).toMatchObject({ state: 'live', transport: 'sse' });
    // A network that lets them through: the next link is a WebSocket again.
    site.takesSockets = true;
    site.cutAll();
    await bid(1);
    await visitor.hasHeardAll(stage);
    expect(await visitor.connection()).toMatchObject({ state: 'live', transport: 'websocket' });
  }, 90_000);

  test('two tabs: both hear everything; one is closed, the other goes on', async () => {
    const one = await visit();
    const setup = { siteUrl: site.url, itemId, userId };
    const two = await Visit.inTab(one.page.context(), setup);
    await bid(1);
    const leading = `${(amount += 1).toString()}.50`;
    await stage.portal.placeBid({ itemId, userId, amount: leading, style: 'transaction' });
    await bid(1);
    for (const tab of [one, two]) {
      await tab.hasHeardAll(stage);
      await tab.page.locator('#outbid:visible').waitFor();
    }
    await two.page.close();
    await bid(2);
    await one.hasHeardAll(stage);
    expect((await one.heard()).filter(({ type }) => type === 'outbid')).toHaveLength(1);
    await one.picture(`${flavour}-outbid`);
  });

  test.each([
    ['desktop', 'light', { width: 1000, height: 760 }],
    ['desktop', 'dark', { width: 1000, height: 760 }],
    ['phone', 'light', { width: 360, height: 740 }],
    ['phone', 'dark', { width: 360, height: 740 }],
  ] as const)('on a %s, %s', async (device, colorScheme, viewport) => {
    const isMobile = device === 'phone';
    const looks = { viewport, colorScheme, isMobile, hasTouch: isMobile, deviceScaleFactor: 2 };
    const visitor = await visit({}, looks);
    await bid(5);
    await visitor.hasHeardAll(stage);
    await visitor.page.locator('#left', { hasText: /^0[01]:\d\d:\d\d$/ }).waitFor();
    await visitor.picture(`${flavour}-${device}-${colorScheme}`);
    const width = await visitor.page.evaluate('document.documentElement.scrollWidth');
    expect(width).toBe(viewport.width);
    const background = await visitor.page.evaluate(
      'getComputedStyle(document.documentElement).backgroundColor',
    );
    expect(background === 'rgb(20, 18, 23)').toBe(colorScheme === 'dark');
  });
});
