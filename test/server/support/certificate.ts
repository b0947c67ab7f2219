/** A certificate for TLS of a test's own, by openssl; nobody has to trust it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsFiles } from '../../../server/gateway-options.ts';

export function selfSigned(): TlsFiles {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-certificate-'));
  const at = (name: string): string => join(directory, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
  try {
    const args = ['req', '-x509', ...key, '-subj', '/CN=localhost', '-days', '2', ...files];
    execFileSync('openssl', args, { stdio: 'pipe' });
    return { cert: readFileSync(at('cert.pem'), 'utf8'), key: readFileSync(at('key.pem'), 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
