/**
 * What the deployment guide of the server before this one told operators to type keeps working: its proxy snippets, with
 * ports, paths and names put in as it asks, and its `wscat` line.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { startProgram, type BackgroundProgram } from './support/background-program.ts';
import { deploy, type Deployment } from './support/deployment.ts';
import { startApache, startNginx, type ProxySetting } from './support/proxies.ts';
import { startProxyLine } from './support/proxy-line.ts';
import { shippedFile } from './support/shipped-file.ts';
import { until } from '../support/until.ts';

const IDLE_SECONDS = 60;

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy();
});
afterAll(async () => {
  await deployment.stop();
});

function snippet(name: string, listen: string, setting: ProxySetting): string {
  return shippedFile(`test/deploy/old-guide/${name}.conf`, [
    [listen, listen.replace(/(\*:)?443/, `127.0.0.1:${setting.listenPort}`)],
    ['your-domain.com', 'localhost'],
    ['localhost:8080', `localhost:${setting.upstreamPort}`],
    ['/path/to/cert.pem', setting.certificates.cert],
    ['/path/to/key.pem', setting.certificates.key],
  ]);
}

const APACHE_MODULES = ['ssl', 'proxy', 'proxy_http', 'proxy_wstunnel', 'rewrite'];

test.each<[string, (setting: ProxySetting) => BackgroundProgram]>([
  ['nginx', (setting) => startNginx(setting, snippet('nginx', 'listen 443', setting))],
  [
    'Apache',
    (setting) => startApache(setting, snippet('apache', '*:443', setting), APACHE_MODULES),
  ],
])("the old guide's snippet for %s carries a client", async (_, start) => {
  const gavelcastPort = deployment.gavelcast.port;
  const line = await startProxyLine({ gavelcastPort, idleSeconds: IDLE_SECONDS, start });
  const itemId = await deployment.newItem();
  const userId = await deployment.newUser();
  const client = await AuctionClient.connect(line.url, { userId });
  await client.subscribe(itemId);
  await deployment.bid(itemId, userId, '12.50');
  expect(await client.next('bid_update')).toMatchObject({ itemId, bidAmount: 12.5 });
  await client.close();
  await line.stop();
});

test('wscat -c ws://…?token=… connects, subscribes and shows a bid', async () => {
  const itemId = await deployment.newItem();
  const userId = await deployment.newUser();
  const url = `ws://localhost:${deployment.gavelcast.port}?token=${mintToken(userId)}`;
  const subscribe = JSON.stringify({ action: 'subscribe', itemId });
  const wscat = startProgram('wscat', ['-c', url, '-x', subscribe, '-w', '60']);
  await until(() => wscat.output().includes('"subscribed"'), { what: () => wscat.output() });
  await deployment.bid(itemId, userId, '12.50');
  await until(() => wscat.output().includes('"bidAmount":12.50'), { what: () => wscat.output() });
  await wscat.stop();
});
