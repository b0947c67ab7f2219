/** A certificate authority of the test's own, and certificates of it for localhost, by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly certAndKey: string;
  /** Makes the next certificate in the same files, as a renewal does. @returns its serial number in hex */
  renew(): string;
}

/** Creates the authority and a first certificate in `directory`, and has this process trust the authority. */
export function createCertificates(directory: string): Certificates {
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const authority = ['-subj', '/CN=Gavelcast test authority', '-days', '2'];
  openssl('req', '-x509', ...NEW_KEY, ...authority, '-keyout', at('ca.key'), '-out', at('ca.pem'));
  writeFileSync(at('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const files = {
    ca: at('ca.pem'),
    cert: at('cert.pem'),
    key: at('key.pem'),
    certAndKey: at('cert-and-key.pem'),
  };
  let serial = 0x1000;
  const renew = (): string => {
    serial += 1;
    const request = ['-subj', '/CN=localhost', '-keyout', files.key, '-out', at('request.pem')];
    openssl('req', ...NEW_KEY, ...request);
    const signer = ['-CA', files.ca, '-CAkey', at('ca.key'), '-set_serial', serial.toString()];
    const result = ['-days', '1', '-extfile', at('san.cnf'), '-out', files.cert];
    openssl('x509', '-req', '-in', at('request.pem'), ...signer, ...result);
    writeFileSync(
      files.certAndKey,
      readFileSync(files.cert, 'utf8') + readFileSync(files.key, 'utf8'),
    );
    return serial.toString(16).toUpperCase();
  };
  renew();
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(files.ca, 'utf8')]);
  return { ...files, renew };
}
