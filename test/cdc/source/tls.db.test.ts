/** Ways to the database: TLS with a CA of the test's own, each way of verifying, passwords without TLS, Unix sockets. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { ConnectionSettings } from '../../../cdc/source/connection-settings.ts';
import { diagnose } from '../../../cdc/checks/doctor.ts';
import type { Check } from '../../../cdc/checks/check.ts';
import { findInstallation } from '../../support/database-installation.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { DatabaseServer } from '../../support/database-server.ts';
import { FeedLab } from '../support/feed-lab.ts';

const HOST_NAME = 'localhost';
/** A name of the same machine that is not in the certificate: resolvers read it as 127.0.0.1, Node as no address. */
const OTHER_NAME = '127.1';

/** A directory with a CA, a server certificate for `localhost` (and no address), and a CA that signed nothing. */
function makeCertificates(directory: string): { readonly ca: string; readonly otherCa: string } {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  for (const name of ['ca', 'other']) {
    const subject = ['-subj', `/CN=Gavelcast test ${name}`];
    const files = ['-keyout', `${name}-key.pem`, '-out', `${name}.pem`];
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files);
  }
  const request = ['-keyout', 'server-key.pem', '-out', 'server.csr', '-subj', `/CN=${HOST_NAME}`];
  openssl('req', '-newkey', 'rsa:2048', '-nodes', ...request);
  writeFileSync(join(directory, 'names.cnf'), `subjectAltName=DNS:${HOST_NAME}\n`);
  const signed = ['-in', 'server.csr', '-out', 'server.pem', '-extfile', 'names.cnf'];
  const authority = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', ...signed, ...authority);
  for (const file of ['ca.pem', 'server.pem', 'server-key.pem'])
    chmodSync(join(directory, file), 0o644);
  return {
    ca: readFileSync(join(directory, 'ca.pem'), 'utf8'),
    otherCa: readFileSync(join(directory, 'other.pem'), 'utf8'),
  };
}

describe.each(FLAVOURS)('%s', (flavour) => {
  const installation = findInstallation(flavour);
  let directory: string;
  let certificates: ReturnType<typeof makeCertificates>;
  let server: DatabaseServer;
  let admin: Connection;
  let lab: FeedLab;
  let itemId = 0;
  let bidder = 0;
  let cents = 100;

  beforeAll(async () => {
    directory = mkdtempSync(join(installation.dataRoot, 'gavelcast-tls-'));
    chmodSync(directory, 0o755);
    certificates = makeCertificates(directory);
    const inside =
      installation.chroot === null ? directory : `/${relative(installation.chroot, directory)}`;
    server = await startDatabase(flavour, {
      variables: {
        ssl_ca: `${inside}/ca.pem`,
        ssl_cert: `${inside}/server.pem`,
        ssl_key: `${inside}/server-key.pem`,
      },
    });
    admin = await server.connect();
    lab = await FeedLab.create(server, 'A');
    bidder = await lab.portal.addUser({ name: 'Ann' });
    itemId = await lab.portal.addItem({
      title: 'lot',
      startingPrice: '1.00',
      endTime: Date.now() + 3_600_000,
      sellerId: bidder,
    });
  });
  afterAll(async () => {
    await lab.close();
    await admin.end();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function connection(more: Partial<ConnectionSettings>): ConnectionSettings {
    return { ...lab.options().connection, ...more };
  }

  /** Streams a bid over this connection, and says what the doctor says of its encryption. */
  async function streamed(settings: ConnectionSettings): Promise<Check | undefined> {
    const run = lab.run({ connection: settings });
    await run.started;
    cents += 1;
    const amount = (cents / 100).toFixed(2);
    await lab.portal.placeBid({ itemId, userId: bidder, amount, style: 'transaction' });
    const [event] = await run.untilEvents(1);
    expect(event).toMatchObject({ type: 'BidPlaced', amount });
    await run.stop();
    const { checks } = await examined(settings);
    expect(checks.filter(({ level }) => level === 'problem')).toEqual([]);
    return checks.find(({ id }) => id === 'encryption');
  }

  function examined(settings: ConnectionSettings) {
    const silent = {
      debug() {},
      info() {},
      warn() {},
      error() {},
      fatal() {},
      child: () => silent,
    };
    return diagnose(lab.options({ connection: settings }), { log: silent, now: Date.now });
  }

  async function refusal(settings: ConnectionSettings): Promise<string> {
    const { checks } = await examined(settings);
    expect(checks).toHaveLength(1);
    return checks[0]?.what ?? '';
  }

  test('the account may be bound to TLS: without it nobody gets in, with it the stream flows', async () => {
    const { user } = lab.account;
    await admin.query(`ALTER USER '${user}'@'%' REQUIRE SSL`);
    try {
      expect(await refusal(connection({}))).toMatch(/refuses this account/);
      const ssl = { rejectUnauthorized: false, verifyIdentity: false };
      const check = await streamed(connection({ ssl }));
      expect(check).toMatchObject({ level: 'ok' });
      expect(check?.what).toMatch(/encrypted: TLSv1\.\d.*any certificate is taken/);
    } finally {
      await admin.query(`ALTER USER '${user}'@'%' REQUIRE NONE`);
    }
  });

  test('verify-ca: the right CA lets in by any name, another one does not', async () => {
    const ssl = { ca: certificates.ca, rejectUnauthorized: true, verifyIdentity: false };
    const check = await streamed(connection({ ssl, host: '127.0.0.1' }));
    expect(check?.what).toMatch(/; certificate verified$/);
    const other = { ...ssl, ca: certificates.otherCa };
    expect(await refusal(connection({ ssl: other }))).toMatch(/self-signed certificate|unable to/i);
    const none = { rejectUnauthorized: true, verifyIdentity: false };
    expect(await refusal(connection({ ssl: none }))).toMatch(/self-signed certificate|unable to/i);
  });

  test('verify-identity: the name in the certificate must be the one we call', async () => {
    const ssl = { ca: certificates.ca, rejectUnauthorized: true, verifyIdentity: true };
    const check = await streamed(connection({ ssl, host: HOST_NAME }));
    expect(check?.what).toMatch(/certificate and host name verified$/);
    expect(await refusal(connection({ ssl, host: OTHER_NAME }))).toMatch(
      /altnames|does not match/i,
    );
  });

  test('a Unix socket', async () => {
    const [rows] = await admin.query<RowDataPacket[]>('SELECT @@socket AS path');
    const socketPath = join(installation.chroot ?? '/', String(rows[0]?.['path']));
    const check = await streamed(connection({ socketPath, host: 'nowhere.invalid', port: 1 }));
    expect(check).toMatchObject({ level: 'ok', what: 'connected by a Unix socket' });
  });

  if (flavour === 'mysql') {
    test('caching_sha2_password without TLS: the password goes encrypted by the server’s public key', async () => {
      const { user } = lab.account;
      const [rows] = await admin.query<RowDataPacket[]>(
        `SELECT plugin FROM mysql.user WHERE user = '${user}'`,
      );
      expect(rows[0]?.['plugin']).toBe('caching_sha2_password');
      // Forgets whom it has let in before: the next login is the long one, and the one after the short.
      await admin.query('FLUSH PRIVILEGES');
      expect(await streamed(connection({}))).toMatchObject({ level: 'ok' });
      expect(await refusal(connection({ password: 'wrong' }))).toMatch(/refuses this account/);
    });
  }
});
