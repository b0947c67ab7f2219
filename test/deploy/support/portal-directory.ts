/** The portal's directory as Gavelcast meets it in production: a `.env` in it, and log files elsewhere. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { gavelcastEnv, type SourceAddress } from '../../support/gavelcast-process.ts';
import { freePort } from '../../support/free-port.ts';

export interface PortalDirectory {
  /** Everything is below it. */
  readonly home: string;
  /** Where `.env` is. */
  readonly path: string;
  readonly logs: string;
  /** WS_PORT. */
  readonly port: number;
  /** Writes `.env` anew with these lines instead of the sound ones of the same names. */
  configure(changed?: Readonly<Record<string, string>>): void;
  /** `/var/log/auction-websocket.log` and its error log, as far as they exist. */
  logText(): string;
  /** Status of a path, or null when nobody answers. */
  status(path: '/readyz' | '/healthz'): Promise<number | null>;
  remove(): void;
}

export async function createPortalDirectory(source: SourceAddress): Promise<PortalDirectory> {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-portal-'));
  const path = join(home, 'auction-portal');
  const logs = join(home, 'log');
  mkdirSync(path);
  mkdirSync(logs);
  const port = await freePort();
  const sound = Object.entries(gavelcastEnv(source, { WS_PORT: String(port) })).filter(
    ([name]) => name !== 'PATH' && name !== 'HOME',
  );
  const configure = (changed: Readonly<Record<string, string>> = {}): void => {
    const lines = Object.entries({ ...Object.fromEntries(sound), ...changed }).map(
      ([name, it]) => `${name}=${it}\n`,
    );
    writeFileSync(join(path, '.env'), lines.join(''));
  };
  configure();
  return {
    home,
    path,
    logs,
    port,
    configure,
    logText: () =>
      ['auction-websocket.log', 'auction-websocket-error.log']
        .map((name) => join(logs, name))
        .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''))
        .join(''),
    status: async (route) => {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${route}`);
        await response.arrayBuffer();
        return response.status;
      } catch {
        return null;
      }
    },
    remove: () => {
      rmSync(home, { recursive: true, force: true });
    },
  };
}
