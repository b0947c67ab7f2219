/**
 * The admin page of the real program in a real Chromium, while bids come in and clients watch.
 */
import { once } from 'node:events';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { programOnPath } from '../support/database-installation.ts';
import { freePort } from '../support/free-port.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const BROWSER_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TOKEN = 'the-operators-own-token';
const TITLE = 'A clock with a private title';
const HOUR_MS = 3_600_000;

describe('the admin page', () => {
  let stage: Stage;
  let gavelcast: GavelcastProcess;
  let browser: Browser;
  let page: Page;
  let url: string;
  let itemId: number;
  let bidders: readonly number[];
  let amount = 11;
  const problems: string[] = [];
  const requests: string[] = [];

  const bid = async (): Promise<void> => {
    amount += 1;
    const userId = bidders[amount % bidders.length] ?? 0;
    await stage.portal.placeBid({ itemId, userId, amount: `${amount}.37`, style: 'autocommit' });
  };
  const figure = (station: string): Promise<string | null> =>
    page.locator('.station', { hasText: station }).locator('.figure').textContent();
  const fact = (station: string, name: string): Promise<string | null> =>
    page
      .locator('.station', { hasText: station })
      .locator(`dt:text-is("${name}") + dd`)
      .textContent();

  beforeAll(async () => {
    stage = await setStage('mariadb');
    const sellerId = await stage.portal.addUser({ name: 'Sally', role: 'seller' });
    bidders = [
      await stage.portal.addUser({ name: 'Bartholomew' }),
      await stage.portal.addUser({ name: 'Clementine' }),
    ];
    const endTime = Date.now() + HOUR_MS;
    const item = {
      title: TITLE,
      startingPrice: '10.00',
      endTime,
      sellerId,
      reservePrice: '77777.00',
    };
    itemId = await stage.portal.addItem(item);
    const port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    gavelcast = await startGavelcast(stage.source, {
      ADMIN_PORT: String(port),
      ADMIN_TOKEN: TOKEN,
    });
    const executablePath = BROWSERS.map(programOnPath).find((path) => path !== null);
    if (executablePath === undefined) throw new Error('No Chromium: install the package chromium.');
    browser = await chromium.launch({ executablePath, args: BROWSER_ARGS });
    page = await browser.newPage({ colorScheme: 'dark' });
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(url);
    await page.locator('#status[data-state=live]').waitFor();
  });

  afterAll(async () => {
    await browser.close();
    await gavelcast.stop();
    await stage.stop();
  });

  test('shows the line as it works: rates, clients, hot items and events', async () => {
    const client = await AuctionClient.connect(gavelcast.url, { userId: bidders[0] ?? 0 });
    await client.subscribe(itemId);
    for (let bids = 0; bids < 5; bids += 1) await bid();
    expect(await page.locator('.station').count()).toBe(5);
    expect(await figure('Source')).toContain('Streaming');
    await until(async () => (await figure('Sockets'))?.startsWith('1 client'), {
      what: 'the client',
    });
    // What is shown is the last second, which a page that stood still may have missed.
    const whileBidding = (shown: () => Promise<boolean>, what: string): Promise<boolean> =>
      until(async () => (await bid(), shown()), { everyMs: 250, what });
    const messages = async (): Promise<number> => Number.parseFloat((await figure('Hub')) ?? '');
    await whileBidding(async () => (await messages()) > 0, 'messages on their way');
    await page.locator('#hot', { hasText: String(itemId) }).waitFor();
    await page.locator('#events', { hasText: 'bid_update' }).waitFor();
    await page.locator('#events', { hasText: 'outbid' }).waitFor();
    expect(await fact('Translate', 'Book')).toBe('1 auction');
    const flowing = page.locator('.station[data-flows=yes]');
    await whileBidding(async () => (await flowing.count()) > 0, 'a station that flows');
    client.socket.close();
    await once(client.socket, 'close');
  });

  test('tells of tokens that were refused, and of warnings', async () => {
    const wrong = mintToken(bidders[0] ?? 0, {
      secret: 'another-secret-that-is-long-enough-as-well',
    });
    const client = await AuctionClient.connect(gavelcast.url, { userId: 1, token: wrong });
    await until(() => client.closeCode !== null, { what: 'the refusal' });
    await page.locator('#sockets', { hasText: 'signature' }).waitFor();
    await page.locator('#sockets', { hasText: '4500' }).waitFor();
    await stage.pool.query('ALTER TABLE items ADD COLUMN surplus INT');
    await page.locator('#lines', { hasText: 'schema changed' }).waitFor();
    await page.locator('#status[data-state=live]').waitFor();
  });

  test('follows one item, by keyboard', async () => {
    await page.locator('body').press('/');
    await page.keyboard.type(String(itemId));
    await page.keyboard.press('Enter');
    await page
      .locator('#followed', { hasText: `Item ${itemId}: in the book, 0 watchers.` })
      .waitFor();
    const rows = page.locator('#followed tbody tr');
    const before = await rows.count();
    await bid();
    await until(async () => (await rows.count()) > before, { what: 'another event of the item' });
    await page.locator('#follow-item').press('Escape');
    await page.locator('#followed', { hasText: 'Press' }).waitFor();
  });

  test('everything can be reached with the keyboard, and says what it is', async () => {
    const names = await page.evaluate<string[]>(
      `[...document.querySelectorAll('button, input, a')].map(
        (each) => each.getAttribute('aria-label') ?? (each.textContent || each.title),
      )`,
    );
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(name).toMatch(/\S/);
    const reached = new Set<string>();
    for (let step = 0; step < names.length + 5; step += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate<string>('document.activeElement.id'));
    }
    for (const id of ['theme', 'follow-item']) expect([...reached]).toContain(id);
  });

  test('dark and light, as the system says or as chosen', async () => {
    const background = (): Promise<string> =>
      page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await background();
    await page.locator('#theme').click();
    const light = await background();
    expect(light).not.toBe(dark);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).toBe(light);
    await page.locator('#theme').click();
    expect(await background()).toBe(dark);
  });

  test('fits a phone: nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(360);
    const overflowing = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.station')].flatMap((station) => {
        const end = station.getBoundingClientRect().right - parseFloat(getComputedStyle(station).paddingRight);
        return [...station.querySelectorAll('dd, .figure')]
          .filter((each) => each.getBoundingClientRect().right > end + 1)
          .map((each) => each.textContent);
      })`,
    );
    expect(overflowing).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test('shows the processes that hold the sockets, where there are any', async () => {
    expect(await page.locator('#workers-panel').isVisible()).toBe(false);
    const port = await freePort();
    const env = { WORKERS: '2', ADMIN_PORT: String(port) };
    const several = await startGavelcast(stage.source, env);
    const other = await browser.newPage();
    try {
      await other.goto(`http://127.0.0.1:${port}/`);
      const rows = other.locator('#workers-panel tbody tr:visible');
      await until(
        async () => {
          const texts = await rows.allTextContents();
          return texts.length === 2 && texts.every((text) => text.includes('serving'));
        },
        { withinMs: 30_000, what: () => several.output() },
      );
      await other.setViewportSize({ width: 360, height: 740 });
      const width = await other.evaluate<number>('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(360);
    } finally {
      await other.close();
      await several.stop();
    }
  });

  test('shows nothing of a row, no name and no token', async () => {
    const shown = await page.content();
    const metrics = await (await fetch(`${url}metrics`)).text();
    const stream = await fetch(`${url}live?item=${itemId}`);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let picture = '';
    while (!picture.includes('\n\n')) picture += (await reader?.read())?.value ?? '\n\n';
    await reader?.cancel();
    expect(picture).toContain('"followed":{');
    for (const text of [shown, metrics, picture, gavelcast.output()]) {
      for (const word of [
        TITLE,
        'Bartholomew',
        '77777',
        `${amount}.37`,
        TOKEN,
        'eyJ',
        '@example',
      ]) {
        expect(text).not.toContain(word);
      }
    }
  });

  test('asks nobody but its own server', () => {
    expect(requests.length).toBeGreaterThan(5);
    for (const request of requests) expect(request.startsWith(url), request).toBe(true);
    expect(problems).toEqual([]);
  });

  test('acts only with the token: a user is disconnected, then all is drained', async () => {
    const actions = page.locator('#actions');
    await actions.locator('input').fill('not-the-token-at-all');
    await actions.locator('button').click();
    await actions.locator('.note[data-kind=bad]', { hasText: 'token' }).waitFor();
    await actions.locator('input').fill(TOKEN);
    await page.keyboard.press('Enter');

    const userId = bidders[1] ?? 0;
    const client = await AuctionClient.connect(gavelcast.url, { userId });
    await until(async () => (await figure('Sockets'))?.startsWith('1 client'), {
      what: 'the client',
    });
    await actions.getByLabel('User id').fill(String(userId));
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]', { hasText: `user ${userId}` }).waitFor();
    await page.locator('#confirm-yes').click();
    await until(() => client.closeCode === 4001, { what: 'the client to be disconnected' });
    await actions.locator('.note', { hasText: '1 connection closed' }).waitFor();

    const exited = once(gavelcast.child, 'exit');
    await actions.locator('.danger').click();
    await page.locator('#confirm-yes').click();
    expect((await exited)[0]).toBe(0);
    await page.locator('#status', { hasText: 'No contact' }).waitFor();
    await page.locator('#banner:visible').waitFor();
  });
});
