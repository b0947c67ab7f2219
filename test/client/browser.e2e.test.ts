/** The React hooks and the documentation's examples in headless Chromium. What else a browser can show: scenarios.e2e.test.ts. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, test } from 'vitest';
import { bundleClient } from '../../scripts/build-client.ts';
import { until } from '../support/until.ts';
import { examplesOf } from './support/documentation.ts';
import { RecoveringServer } from './support/recovering-server.ts';

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** An item under React's strict mode, which mounts, unmounts and mounts again; a button takes it away and back. */
const REACT_PAGE = `
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from 'gavelcast/client';
import { GavelcastProvider, useAuction, useConnection, useCountdown } from 'gavelcast/client/react';

function Lot({ itemId }) {
  const { state, lastEvent } = useAuction(itemId);
  const left = useCountdown(itemId) === null ? '-' : 'ticking';
  return <p id="lot">{state?.currentPrice} {lastEvent?.type ?? '-'} {left}</p>;
}
function App() {
  const [isShown, show] = useState(true);
  return <main>
    <b id="state">{useConnection().state}</b>
    <button onClick={() => show(!isShown)}>toggle</button>
    {isShown && <Lot itemId={1} />}
  </main>;
}
const client = connect({ url: '/', getToken: () => 'token' });
createRoot(document.body.appendChild(document.createElement('div'))).render(
  <StrictMode><GavelcastProvider client={client}><App /></GavelcastProvider></StrictMode>,
);`;

let browser: Browser;
let outDir = '';
let htmlExample = '';
let server: RecoveringServer;
let page: Page;

beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'gavelcast-page-'));
  await bundleClient(outDir);
  [htmlExample = ''] = await examplesOf('html');
  const [tsxExample = ''] = await examplesOf('tsx');
  await buildReactPage('react-example.js', tsxExample);
  await buildReactPage('react-page.js', REACT_PAGE);
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
}, 60_000);
afterAll(async () => {
  await browser.close();
  await rm(outDir, { recursive: true });
});
beforeEach(async () => {
  server = await new RecoveringServer({ page: serve }).listen();
  server.bid(9);
  page = await browser.newPage();
});
afterEach(async () => {
  await page.close();
  await server[Symbol.asyncDispose]();
});

async function buildReactPage(name: string, contents: string): Promise<void> {
  await build({
    stdin: { contents, loader: 'tsx', resolveDir: import.meta.dirname },
    outfile: join(outDir, name),
    bundle: true,
    format: 'iife',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: {
      'gavelcast/client/react': join(outDir, 'react.js'),
      'gavelcast/client': join(outDir, 'gavelcast.js'),
    },
    nodePaths: [join(import.meta.dirname, '../../node_modules')],
  });
}

function serve(request: IncomingMessage, response: ServerResponse): boolean {
  const { pathname } = new URL(request.url ?? '/', server.url);
  const scripted = (name: string): string =>
    `<!doctype html><body><script src="/${name}.js"></script>`;
  const pages: Record<string, string> = {
    '/example': htmlExample,
    '/react': scripted('react-page'),
    '/react-example': scripted('react-example'),
  };
  const html = pages[pathname];
  if (html !== undefined) {
    response.setHeader('Content-Type', 'text/html').end(html);
  } else if (pathname.endsWith('.js')) {
    readFile(join(outDir, pathname)).then(
      (text) => response.setHeader('Content-Type', 'text/javascript').end(text),
      () => response.writeHead(404).end(),
    );
  } else return false;
  return true;
}

/** Waits until an expression in the page gives this. */
async function shows(expression: string, expected: unknown): Promise<void> {
  let last: unknown;
  await until(
    async () => {
      last = await page.evaluate(expression);
      return JSON.stringify(last) === JSON.stringify(expected);
    },
    { withinMs: 20_000, what: () => `${expression}; it is ${JSON.stringify(last)}` },
  );
}

test('the React hooks follow an item while mounted', { timeout: 60_000 }, async () => {
  await page.goto(`${server.url}/react`);
  const lot = `document.querySelector('#lot')?.textContent ?? null`;
  await shows(lot, '10 - ticking');
  await shows(`document.querySelector('#state').textContent`, 'live');
  server.bid(1);
  await shows(lot, '11 bid_update ticking');
  await page.click('button');
  await shows(lot, null);
  await until(() => server.received.some((message) => message['action'] === 'unsubscribe'));
  server.bid(1);
  await page.click('button');
  await shows(lot, '12 - ticking');
});

test('the examples of the documentation do what they say', { timeout: 60_000 }, async () => {
  await page.goto(`${server.url}/example`);
  await shows(`document.querySelector('#price').textContent`, '10');
  server.bid(1);
  await shows(`document.querySelector('#price').textContent`, '11');
  await page.goto(`${server.url}/react-example`);
  await shows(`document.querySelector('#lot')?.textContent.split(',')[0] ?? null`, '11 (1 bids)');
  server.bid(1);
  await shows(`document.querySelector('#lot').className`, 'flash');
  await shows(
    `/^12 .2 bids., [1-6]?[0-9] s$/.test(document.querySelector('#lot').textContent)`,
    true,
  );
});
