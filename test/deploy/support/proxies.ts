/**
 * The four proxies, each on the file that is shipped for it. What is put in place of the shipped text: the port it listens
 * on, the server's name, Gavelcast's port, the paths of certificates and logs, and the idle timeout in seconds.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { startProgram, requiredProgram, type BackgroundProgram } from './background-program.ts';
import type { Certificates } from './certificates.ts';
import { shippedFile } from './shipped-file.ts';

export interface ProxySetting {
  /** An empty directory that the proxy may fill. */
  readonly home: string;
  readonly certificates: Certificates;
  readonly listenPort: number;
  readonly upstreamPort: number;
  readonly adminPort: number;
  readonly idleSeconds: number;
}

export interface Proxy {
  readonly name: string;
  /** Whether it cuts a connection on which nothing was said for the idle timeout. */
  readonly cutsIdle: boolean;
  /** Whether a reload with a changed certificate leaves open connections alone. */
  readonly keepsOnReload: boolean;
  start(setting: ProxySetting): BackgroundProgram;
  reload(program: BackgroundProgram, setting: ProxySetting): void;
}

/** Where `setting`'s proxy writes logs. */
export function logDirectory({ home }: Pick<ProxySetting, 'home'>): string {
  return join(home, 'log');
}

const nginx: Proxy = {
  name: 'nginx',
  cutsIdle: true,
  keepsOnReload: true,
  start: (setting) =>
    startNginx(
      setting,
      shippedFile('deploy/nginx/auction-websocket.conf', [
        ['listen 443 ssl', `listen 127.0.0.1:${setting.listenPort} ssl`],
        ['listen [::]:443 ssl;', ''],
        ['auction.example.com', 'localhost'],
        ['127.0.0.1:8080', `127.0.0.1:${setting.upstreamPort}`],
        ['/var/log/nginx', logDirectory(setting)],
        ['timeout 90s', `timeout ${setting.idleSeconds}s`],
        ...certificatePaths(setting.certificates),
      ]),
    ),
  reload: ({ child }) => child.kill('SIGHUP'),
};

const apache: Proxy = {
  name: 'Apache',
  cutsIdle: true,
  keepsOnReload: true,
  start: (setting) =>
    startApache(
      setting,
      shippedFile('deploy/apache/auction-websocket.conf', [
        ['*:443', `127.0.0.1:${setting.listenPort}`],
        ['auction.example.com', 'localhost'],
        ['127.0.0.1:8080', `127.0.0.1:${setting.upstreamPort}`],
        ['/var/log/apache2', logDirectory(setting)],
        ['Timeout 90', `Timeout ${setting.idleSeconds}`],
        ...certificatePaths(setting.certificates),
      ]),
      ['ssl', 'proxy', 'proxy_http', 'headers'],
    ),
  reload: ({ child }) => child.kill('SIGUSR1'),
};

const haproxy: Proxy = {
  name: 'HAProxy',
  cutsIdle: true,
  keepsOnReload: true,
  start: (setting) => {
    const config = join(setting.home, 'haproxy.cfg');
    const text = shippedFile('deploy/haproxy/haproxy.cfg', [
      ['bind :443', `bind 127.0.0.1:${setting.listenPort}`],
      ['127.0.0.1:8080', `127.0.0.1:${setting.upstreamPort}`],
      ['log /dev/log local0', 'log stdout format raw local0'],
      // Needs twice as many open files, which the machine of a test may not allow.
      ['maxconn 60000', 'maxconn 1000'],
      ['timeout tunnel 90s', `timeout tunnel ${setting.idleSeconds}s`],
      ['/etc/ssl/auction/cert-and-key.pem', setting.certificates.certAndKey],
    ]);
    writeFileSync(config, text);
    return startProgram('haproxy', ['-W', '-db', '-f', config]);
  },
  reload: ({ child }) => child.kill('SIGUSR2'),
};

const caddy: Proxy = {
  name: 'Caddy',
  cutsIdle: false,
  keepsOnReload: false,
  start: (setting) => {
    const config = join(setting.home, 'Caddyfile');
    const text = shippedFile('deploy/caddy/Caddyfile', [
      ['auction.example.com {', `localhost:${setting.listenPort} {\n\tbind 127.0.0.1`],
      ['127.0.0.1:8080', `127.0.0.1:${setting.upstreamPort}`],
      ['admin localhost:2019', `admin localhost:${setting.adminPort}`],
      ['/var/log/caddy', logDirectory(setting)],
      ['idle 2m', `idle ${setting.idleSeconds}s`],
      ...certificatePaths(setting.certificates),
    ]);
    writeFileSync(config, text);
    return startProgram('caddy', ['run', '--config', config], { env: caddyHome(setting) });
  },
  reload: (_, setting) => {
    // `--force`: only the certificate's file has changed, not the configuration.
    const args = ['reload', '--force', '--config', join(setting.home, 'Caddyfile')];
    execFileSync(requiredProgram('caddy'), args, {
      stdio: 'pipe',
      env: { ...process.env, ...caddyHome(setting) },
    });
  },
};

export const PROXIES: readonly Proxy[] = [nginx, apache, haproxy, caddy];

/** nginx in the foreground, with `site` where Debian's nginx.conf includes its sites. */
export function startNginx(setting: ProxySetting, site: string): BackgroundProgram {
  const { home } = setting;
  const config = join(home, 'nginx.conf');
  writeFileSync(join(home, 'site.conf'), site);
  writeFileSync(
    config,
    `user root;
worker_processes 2;
pid ${home}/nginx.pid;
error_log ${logDirectory(setting)}/error.log;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${home}/${of};`).join('\n  ')}
  include ${home}/site.conf;
}
`,
  );
  return startProgram('nginx', ['-c', config, '-p', home, '-g', 'daemon off;']);
}

/** Apache in the foreground, with `site` where Debian's apache2.conf includes its sites. */
export function startApache(
  setting: ProxySetting,
  site: string,
  modules: readonly string[],
): BackgroundProgram {
  const { home } = setting;
  const config = join(home, 'apache2.conf');
  const load = ['mpm_event', 'authz_core', 'socache_shmcb', ...modules].map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  );
  mkdirSync(join(home, 'run'), { recursive: true });
  writeFileSync(
    config,
    `${load.join('\n')}
ServerRoot ${home}
DefaultRuntimeDir ${home}/run
PidFile ${home}/run/apache2.pid
User www-data
Group www-data
ServerName localhost
Listen 127.0.0.1:${setting.listenPort}
ErrorLog ${logDirectory(setting)}/error.log
${site}`,
  );
  return startProgram('apache2', ['-f', config, '-DFOREGROUND']);
}

function certificatePaths({ cert, key }: Certificates): readonly (readonly [string, string])[] {
  return [
    ['/etc/ssl/auction/cert.pem', cert],
    ['/etc/ssl/auction/key.pem', key],
  ];
}

function caddyHome({ home }: ProxySetting): Record<string, string> {
  return { HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config') };
}
