/**
 * `npm run demo` as a visitor meets it: the real program, its page in a real Chromium, and Ctrl-C.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { programOnPath } from '../support/database-installation.ts';
import { freePort } from '../support/free-port.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { until } from '../support/until.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const BROWSER_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const READY_WITHIN_MS = 60_000;

interface Demo {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly port: number;
  /** The only place it may leave files in. */
  readonly directory: string;
  output(): string;
}

async function startDemo(...args: readonly string[]): Promise<Demo> {
  const directory = mkdtempSync(join(tmpdir(), 'demo-e2e-'));
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'demo/main.ts', '--flavour', 'mariadb', ...args],
    {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: directory },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const port = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`the demo ended early:\n${output}`);
      return Number(/http:\/\/localhost:(\d+)\//.exec(output)?.[1] ?? 0);
    },
    { withinMs: READY_WITHIN_MS, what: () => `the demo to be up:\n${output}` },
  );
  return { child, port, directory, output: () => output };
}

async function endDemo({ child }: Demo, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

/** A wire between browser and demo that can be cut and mended. */
class Wire {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  async mend(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.#target, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => this.#sockets.delete(socket));
      }
    });
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }

  cut(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe('the demo in a browser', () => {
  let demo: Demo;
  let wire: Wire;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  let isCut = false;

  beforeAll(async () => {
    demo = await startDemo('--port', String(await freePort()), '--duration', '1800');
    wire = new Wire(demo.port);
    await wire.mend();
    const executablePath = BROWSERS.map(programOnPath).find((path) => path !== null);
    if (executablePath === undefined) throw new Error('No Chromium: install the package chromium.');
    browser = await chromium.launch({ executablePath, args: BROWSER_ARGS });
    page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      // While the wire is cut the browser itself reports what it cannot reach.
      if (message.type() === 'error' && !isCut) problems.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${wire.port}/`);
  });

  afterAll(async () => {
    await browser.close();
    wire.cut();
    await endDemo(demo, 'SIGTERM');
    rmSync(demo.directory, { recursive: true, force: true });
  });

  afterEach(() => {
    if (demo.child.exitCode !== null) throw new Error(`the demo has ended:\n${demo.output()}`);
  });

  test('shows a card for each auction, and goes live', async () => {
    await page.locator('#connection[data-state=live]').waitFor();
    await until(async () => (await page.locator('.card').count()) === 12, { what: 'twelve cards' });
  });

  test('prices move and countdowns tick', async () => {
    const shown = (selector: string): Promise<string> =>
      page.locator(selector).allTextContents().then(String);
    const prices = await shown('.price .visually-hidden');
    const clocks = await shown('.clock');
    await until(async () => (await shown('.price .visually-hidden')) !== prices, {
      what: 'a price to move',
    });
    await until(async () => (await shown('.clock')) !== clocks, { what: 'a countdown to tick' });
  });

  test('measures how long a commit takes to the page', async () => {
    const count = async (): Promise<number> =>
      Number(
        /last (\d+) bids/.exec((await page.locator('#latency-note').textContent()) ?? '')?.[1],
      );
    await until(async () => (await count()) > 0, { what: 'a measured bid' });
    expect(Number(await page.locator('#latency-p50').textContent())).toBeGreaterThan(0);
  });

  test('a bid of the visitor leads as “You”; then he is outbid, is told so, and may bid again', async () => {
    const card = page.locator('.card', { hasText: 'Faience vase' });
    const title = 'You have been outbid';
    const toast = page.locator('.toast[data-kind=outbid]', { hasText: 'Faience vase' });
    // Far above what the simulated bidders go to by themselves: only the one who answers the visitor bids more.
    await card.locator('input').fill('1000');
    await noteLeads('Faience vase');
    await card.locator('.own-amount .button').click();
    await hasLed();
    await page.locator('#own-bids', { hasText: 'Faience vase' }).waitFor();
    await toast.waitFor();
    expect(await toast.textContent()).toContain(title);
    expect(await card.getAttribute('data-standing')).toBe('outbid');
    await noteLeads('Faience vase');
    await toast.locator('.button.primary').click();
    await hasLed();
  });

  /** Has the page note that a card shows the visitor in the lead: a rival may answer before we look. */
  async function noteLeads(title: string): Promise<void> {
    await page.evaluate(`{
      const isIt = (card) => card.textContent.includes(${JSON.stringify(title)});
      const card = [...document.querySelectorAll('.card')].find(isIt);
      window.hasLed = false;
      const look = () => {
        const leader = card.querySelector('.leader .byline.own');
        window.hasLed ||= leader !== null && leader.textContent.includes('You');
      };
      new MutationObserver(look).observe(card, { subtree: true, childList: true });
    }`);
  }

  async function hasLed(): Promise<void> {
    await until(() => page.evaluate<boolean>('window.hasLed'), { what: '“You” in the lead' });
  }

  test('a bid that is too low is refused with a reason', async () => {
    const card = page.locator('.card', { hasText: 'Library globe' });
    await card.locator('input').fill('1');
    await card.locator('input').press('Enter');
    await card.locator('.bid-note', { hasText: 'higher' }).waitFor();
  });

  test('an auction that is over is stamped, and its place taken by a new one', async () => {
    await page
      .locator('.card[data-phase=ended] .stamp-text', { hasText: 'Sold' })
      .first()
      .waitFor({ timeout: 60_000 });
    await page.locator('.card', { hasText: 'Lot 113' }).waitFor({ timeout: 60_000 });
  }, 130_000);

  test('the detail view opens by keyboard, shows the chart, and closes with Escape', async () => {
    await page.locator('.card .title').nth(3).focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open] .chart-line').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
  });

  test('says that the connection is lost, and comes back by itself', async () => {
    expect(problems).toEqual([]);
    isCut = true;
    wire.cut();
    await page.locator('#connection[data-state=reconnecting]').waitFor();
    await page.locator('#banner:visible').waitFor();
    await wire.mend();
    await page.locator('#connection[data-state=live]').waitFor({ timeout: 60_000 });
    await page.locator('#banner').waitFor({ state: 'hidden' });
    expect(problems).toEqual([]);
  });
});

describe('the demo as a process', () => {
  test('a taken port is told and another one used; Ctrl-C leaves no file and no process', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const taken = address !== null && typeof address === 'object' ? address.port : 0;
    const demo = await startDemo('--port', String(taken), '--items', '3', '--no-bidders');
    occupant.close();
    expect(demo.port).not.toBe(taken);
    expect(demo.output()).toContain(`Port ${taken} is taken; the demo is on ${demo.port}.`);
    const processes = childrenOf(demo.child.pid ?? 0);
    expect(processes.length).toBeGreaterThan(0);
    expect(readdirSync(demo.directory).length).toBeGreaterThan(0);

    expect(await endDemo(demo, 'SIGINT')).toBe(0);

    expect(demo.output()).toContain('Stopped and cleaned up');
    expect(processes.filter(isRunning)).toEqual([]);
    expect(readdirSync(demo.directory)).toEqual([]);
    rmSync(demo.directory, { recursive: true, force: true });
  });
});

/** Ids of the processes that this one started, from /proc. */
function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && parentOf(pid) === parent);
}

function parentOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0; // it ended while we looked
  }
}

/** A zombie that nobody reaps has no program any more. */
function isRunning(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}
