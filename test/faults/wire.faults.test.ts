/**
 * What the way between us and the server does by rights, and readers stumble over: heartbeats that name an older position,
 * and TLS keys that change under way.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FLAVOURS } from '../support/database-server.ts';
import { until } from '../support/until.ts';
import { HeartbeatForger } from './heartbeat-forger.ts';
import { runScenario } from './rig.ts';
import { byHand, testByHand } from './suite.ts';
import { TlsRelay } from './tls-relay.ts';

const MIB = 1024 * 1024;
/** In rows of 32 MiB, in a table that is not mapped. */
const TLS_ROWS = byHand ? 64 : 2;
const ROW_MIB = 32;
const KEY_UPDATE_EVERY = 4 * MIB;

describe.each(FLAVOURS)('on %s', (flavour) => {
  // Without GTIDs a position that went back would be where we go on after the cut.
  const filesOnly = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
  const variables = flavour === 'mysql' ? filesOnly : {};

  testByHand('heartbeats name an older position', async () => {
    const name = 'heartbeats that name an older position';
    await runScenario({ name, flavour, variables, expects: 'delivered' }, async (rig) => {
      const forger = await HeartbeatForger.listen(rig.server.port);
      rig.own(() => forger.close());
      rig.proxy.aim(forger.port);
      for (let round = 0; round < 3; round += 1) {
        rig.proxy.cut();
        rig.load.start();
        await rig.load.more(30);
        await rig.load.stop();
        const before = forger.forged;
        await until(() => forger.forged >= before + 3, { what: 'heartbeats in the quiet' });
      }
      rig.load.start();
      await rig.load.more(30);
      rig.cured();
    });
  });

  test('much data over TLS, whose keys change again and again', async () => {
    const gigabytes = (TLS_ROWS * ROW_MIB) / 1024;
    const amount = gigabytes >= 1 ? `${gigabytes} GiB` : `${TLS_ROWS * ROW_MIB} MiB`;
    const certificate = flavour === 'mariadb' ? makeCertificate() : null;
    const log = flavour === 'mysql' ? 'innodb_redo_log_capacity' : 'innodb_log_file_size';
    const scenario = {
      name: `${amount} over TLS across key updates`,
      flavour,
      variables: { max_allowed_packet: '128M', [log]: '512M', ...certificate?.variables },
      catchUpMs: 300_000,
      expects: 'delivered',
    } as const;
    try {
      await runScenario(scenario, async (rig) => {
        const relay = await TlsRelay.listen(rig.server.port, KEY_UPDATE_EVERY);
        rig.own(() => relay.close());
        rig.proxy.aim(relay.port);
        await rig.killGavelcast({ SOURCE_TLS: 'required' });
        await rig.sql('CREATE TABLE bulk (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)');
        for (let row = 0; row < TLS_ROWS; row += 1) {
          await rig.sql(`INSERT INTO bulk (body) VALUES (REPEAT('x', ${ROW_MIB * MIB}))`);
          // What was sent is of no further use; gigabytes of it would only fill the disk.
          if (row % 16 === 15) await rig.sql('TRUNCATE TABLE bulk');
        }
        rig.cured();
        const bytes = TLS_ROWS * ROW_MIB * MIB;
        await until(() => relay.counts.sentBytes > bytes, {
          withinMs: scenario.catchUpMs,
          what: () => `${bytes} bytes over TLS; there were ${relay.counts.sentBytes}`,
        });
        await rig.caughtUp();
        const { updates, sentBytes } = relay.counts;
        process.stdout.write(
          `${flavour}: ${Math.round(sentBytes / MIB)} MiB, ${updates} key updates\n`,
        );
        expect(updates).toBeGreaterThanOrEqual(Math.floor(bytes / KEY_UPDATE_EVERY));
      });
    } finally {
      certificate?.remove();
    }
  });
});

/** For servers that make none by themselves. */
function makeCertificate(): {
  readonly variables: Readonly<Record<string, string>>;
  readonly remove: () => void;
} {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-faults-tls-'));
  chmodSync(directory, 0o755);
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=database'];
  const files = ['-keyout', key, '-out', certificate, '-days', '2'];
  execFileSync('openssl', [...request, ...files], { stdio: 'ignore' });
  chmodSync(key, 0o644);
  return {
    variables: { ssl_key: key, ssl_cert: certificate },
    remove: () => {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
