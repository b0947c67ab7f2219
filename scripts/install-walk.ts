/**
 * `npm run test:install`: follows docs/install.md on a bare Debian, command by command, until a bid of the portal reaches
 * a client through nginx over TLS. Needs root, debootstrap, the network, and the ports 80, 443, 3306 and 8080.
 *
 * What the guide presumes is put there first: a portal with its database and `.env`, nginx, a certificate. systemctl is
 * test/install/support/systemctl, because no systemd runs in a chroot.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { createConnection } from 'mysql2/promise';

import { BareTree } from '../test/install/support/bare-tree.ts';
import { filledIn, stepsOf } from '../test/install/support/guide.ts';
import { PROJECT_ROOT, TEST_JWT_SECRET } from '../test/support/gavelcast-process.ts';
import { createPortalTables } from '../test/support/portal-schema.ts';
import { Portal } from '../test/support/portal.ts';
import { until } from '../test/support/until.ts';

const PORTS = [80, 443, 3306, 8080];
const HOST = 'auction.example.com';
const PASSWORD = 'the-walkers-own-password';
const API = { user: 'api', password: 'the-portals-own-password', database: 'auction_portal' };
const NGINX_FILE = '/opt/gavelcast/node_modules/gavelcast/deploy/nginx/auction-websocket.conf';

const startedAt = performance.now();
let told = startedAt;

/** A line when a part is done, with what it took. */
function tell(text: string): void {
  const now = performance.now();
  process.stdout.write(`${((now - told) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
  told = now;
}

async function isTaken(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const isOpen = await new Promise<boolean>((answer) => {
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
  socket.destroy();
  return isOpen;
}

/** The portal's machine before anybody heard of Gavelcast. */
function furnish(tree: BareTree): void {
  copyFileSync(
    join(PROJECT_ROOT, 'test/install/support/systemctl'),
    tree.path('usr/local/sbin/systemctl'),
  );
  chmodSync(tree.path('usr/local/sbin/systemctl'), 0o755);
  writeFileSync(tree.path('etc/hosts'), `127.0.0.1 localhost ${HOST}\n`);
  tree.run(`apt-get update
    apt-get install -y --no-install-recommends mariadb-server nginx-light openssl logrotate curl
    systemctl start mariadb
    systemctl start nginx
    mkdir -p /etc/ssl/auction /var/www/auction-portal
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${HOST} -addext subjectAltName=DNS:${HOST} \\
      -keyout /etc/ssl/auction/key.pem -out /etc/ssl/auction/cert.pem
    cat /etc/ssl/certs/ca-certificates.crt /etc/ssl/auction/cert.pem > /etc/ssl/auction/trusted.pem
    mariadb -e "CREATE DATABASE ${API.database} CHARACTER SET utf8mb4;
      CREATE USER '${API.user}'@'127.0.0.1' IDENTIFIED BY '${API.password}';
      GRANT ALL ON ${API.database}.* TO '${API.user}'@'127.0.0.1'"`);
  const env = {
    DB_HOST: '127.0.0.1',
    DB_NAME: API.database,
    DB_USER: API.user,
    DB_PASSWORD: API.password,
    JWT_SECRET: TEST_JWT_SECRET,
  };
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(tree.path('var/www/auction-portal/.env'), lines.join(''));
  tree.run(
    'chown root:www-data /var/www/auction-portal/.env; chmod 640 /var/www/auction-portal/.env',
  );
}

/** What a reader puts in place of the guide's words, by step and block. */
const READERS_OWN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '1. The package': { 'YOUR-COPY-OF-THE-REPOSITORY': '/root/gavelcast.git' },
  '2. The database': {
    'editor grants-mariadb.sql': `sed -i s/put-a-password-here/${PASSWORD}/ grants-mariadb.sql`,
  },
  '3. The configuration': { 'the-password-from-step-2': PASSWORD },
};

function walk(tree: BareTree): string {
  const guide = readFileSync(join(PROJECT_ROOT, 'docs/install.md'), 'utf8');
  let wscat = '';
  for (const { title, blocks } of stepsOf(guide)) {
    if (title.startsWith('6. ')) {
      wscat = blocks[0] ?? '';
      continue;
    }
    const script = filledIn(blocks.join('\n'), READERS_OWN[title] ?? {});
    const output = tree.run(title.startsWith('5. ') ? USE_NGINX : script, {
      npm_config_yes: 'true',
    });
    if (title.startsWith('1. ') && !/^v24\./m.test(output)) throw new Error('Node 24 did not come');
    if (title.startsWith('4. ') && !output.includes('{"ready":true}')) throw new Error(output);
    tell(title);
  }
  if (wscat === '') throw new Error('the guide no longer has a step 6');
  return wscat;
}

/** The first lines of the shipped file, whose server name and certificate are already the ones here. */
const USE_NGINX = `cp ${NGINX_FILE} /etc/nginx/sites-available/
  ln -s ../sites-available/auction-websocket.conf /etc/nginx/sites-enabled/
  nginx -t && systemctl reload nginx`;

/** Step 6: a client as the guide starts it, and a bid as the PHP API places it. */
async function seeABid(tree: BareTree, block: string): Promise<string> {
  const connection = await createConnection({ host: '127.0.0.1', ...API, dateStrings: true });
  const portal = new Portal(connection, 'A');
  const sellerId = await portal.addUser({ name: 'Sally' });
  const userId = await portal.addUser({ name: 'Alice' });
  const endTime = Date.now() + 3_600_000;
  const itemId = await portal.addItem({
    title: 'A clock',
    startingPrice: '10.00',
    endTime,
    sellerId,
  });
  const program = '/opt/gavelcast/node_modules/.bin/gavelcast';
  const node = 'export PATH=/opt/gavelcast/node_modules/.bin:$PATH; cd /var/www/auction-portal;';
  const token = tree.run(`${node} ${program} token --user ${String(userId)}`).trim();
  const [command = '', line = ''] = filledIn(block, { 'A-TOKEN-OF-YOUR-API': token }).split('\n');
  const env = { NODE_EXTRA_CA_CERTS: '/etc/ssl/auction/trusted.pem', npm_config_yes: 'true' };
  // In a terminal, as an operator has one: without it, wscat says nothing.
  writeFileSync(tree.path('root/step-6'), `${command}\n`);
  const client = tree.start("script -qefc 'bash /root/step-6' /dev/null", env);
  let output = '';
  const listen = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  client.stdout?.on('data', listen);
  client.stderr?.on('data', listen);
  const saw = (part: string): Promise<boolean> =>
    until(() => output.includes(part), { withinMs: 60_000, what: () => `${part} in: ${output}` });
  await saw('Connected');
  client.stdin?.write(
    `${line.replace(/^> /, '').replace('"itemId":1', `"itemId":${String(itemId)}`)}\n`,
  );
  await saw('"subscribed"');
  await portal.placeBid({ itemId, userId, amount: '12.50', style: 'transaction' });
  await saw('"bid_update"');
  await connection.end();
  const bid = stripVTControlCharacters(output).split('\n');
  return bid.find((each) => each.includes('bid_update')) ?? '';
}

for (const port of PORTS) {
  if (await isTaken(port)) throw new Error(`port ${String(port)} is in use on this machine`);
}
using tree = new BareTree();
tell('a bare Debian');
furnish(tree);
const api = await createConnection({ host: '127.0.0.1', ...API });
await createPortalTables(api, 'A');
await api.end();
mkdirSync(tree.path('root/gavelcast.git'), { recursive: true });
execFileSync('git', ['clone', '-q', '--bare', PROJECT_ROOT, tree.path('root/gavelcast.git')]);
tell('a portal on it, with MariaDB and nginx');
const bid = await seeABid(tree, walk(tree));
tell(`a bid through nginx over TLS: ${bid.trim()}`);
process.stdout.write(`done in ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes\n`);
