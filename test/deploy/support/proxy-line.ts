/** A proxy in front of a recording relay in front of a real Gavelcast, and clients that come in by TLS. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';

import { freePort } from '../../support/free-port.ts';
import { until } from '../../support/until.ts';
import type { BackgroundProgram } from './background-program.ts';
import { createCertificates } from './certificates.ts';
import { logDirectory, type ProxySetting } from './proxies.ts';
import { startRelay, type RecordingRelay } from './recording-relay.ts';

export interface ProxyLine {
  /** `wss://localhost:PORT/ws`. */
  readonly url: string;
  readonly setting: ProxySetting;
  readonly relay: RecordingRelay;
  readonly program: BackgroundProgram;
  /** Serial number of the certificate that new connections are shown; null while there is none to be had. */
  serial(): Promise<string | null>;
  /** Everything the proxy has logged so far, in files and on its outputs. */
  logs(): string;
  stop(): Promise<void>;
}

/** Starts the proxy that `start` says and resolves once it answers on its port. */
export async function startProxyLine(options: {
  readonly gavelcastPort: number;
  readonly idleSeconds: number;
  readonly start: (setting: ProxySetting) => BackgroundProgram;
}): Promise<ProxyLine> {
  const home = mkdtempSync(join(tmpdir(), 'gavelcast-proxy-'));
  const relay = await startRelay(options.gavelcastPort);
  const setting: ProxySetting = {
    home,
    certificates: createCertificates(home),
    listenPort: await freePort(),
    upstreamPort: relay.port,
    adminPort: await freePort(),
    idleSeconds: options.idleSeconds,
  };
  mkdirSync(logDirectory(setting));
  const program = options.start(setting);
  const logs = (): string => program.output() + filesOf(logDirectory(setting));
  const serial = (): Promise<string | null> => shownSerial(setting.listenPort);
  await until(
    async () => {
      if (program.child.exitCode !== null) throw new Error(`the proxy ended:\n${logs()}`);
      return (await serial()) !== null;
    },
    { withinMs: 20_000, what: () => `the proxy to listen:\n${logs()}` },
  );
  return {
    url: `wss://localhost:${setting.listenPort}/ws`,
    setting,
    relay,
    program,
    serial,
    logs,
    stop: async () => {
      await program.stop();
      await relay.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function filesOf(directory: string): string {
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
}

function shownSerial(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost' }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', () => {
      resolve(null);
    });
  });
}
