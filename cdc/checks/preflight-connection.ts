/**
 * How we are connected: encrypted or not, and how far the clocks are apart.
 */
import type { Check } from './check.ts';
import type { ConnectionSettings } from '../source/connection-settings.ts';
import type { Queryable } from '../source/database-pool.ts';

const CLOCK_OFFSET_MAX_MS = 5_000;

/** What protects the bytes on their way. @throws AppError */
export async function checkEncryption(
  database: Queryable,
  connection: ConnectionSettings,
): Promise<Check> {
  const rows = await database.query(
    `SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')`,
  );
  const status = new Map(rows.map((row) => [(row[0] ?? '').toLowerCase(), row[1] ?? '']));
  const cipher = status.get('ssl_cipher') ?? '';
  return encryption(connection, { version: status.get('ssl_version') ?? '', cipher });
}

/** Pure part of `checkEncryption`. An empty cipher: the session is in the clear. */
function encryption(
  { host, socketPath, ssl }: ConnectionSettings,
  session: { readonly version: string; readonly cipher: string },
): Check {
  const id = 'encryption';
  if (session.cipher !== '') {
    const certificate =
      ssl?.rejectUnauthorized !== true
        ? 'any certificate is taken'
        : ssl.verifyIdentity
          ? 'certificate and host name verified'
          : 'certificate verified';
    const what = `the connection is encrypted: ${session.version}, ${session.cipher}; ${certificate}`;
    return { id, level: 'ok', what };
  }
  if (socketPath !== undefined) return { id, level: 'ok', what: 'connected by a Unix socket' };
  if (isLoopback(host)) {
    return { id, level: 'ok', what: 'not encrypted, and does not leave this machine' };
  }
  return {
    id,
    level: 'warning',
    what: `The connection to ${host} is not encrypted: rows of the tables cross the network in the clear.`,
    fix: 'Set SOURCE_TLS=verify-identity and SOURCE_TLS_CA=/path/to/ca.pem (or SOURCE_TLS=required, which takes any certificate).',
  };
}

/** @param offsetMs database clock minus ours */
export function clock(offsetMs: number): Check {
  const id = 'clock';
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  if (Math.abs(offsetMs) <= CLOCK_OFFSET_MAX_MS) {
    return { id, level: 'ok', what: `the database's clock and ours are ${seconds} s apart` };
  }
  const which = offsetMs > 0 ? 'ahead of' : 'behind';
  return {
    id,
    level: 'warning',
    what: `The database's clock is ${seconds} s ${which} ours: countdowns follow its clock, the expiry of tokens ours.`,
    fix: 'Run a time service (chrony, systemd-timesyncd) on both machines.',
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
