/**
 * Before `make test` and `make demo`: what npm cannot bring. Installs the database servers (and, for the tests, Chromium,
 * the proxies and managers of deploy/, and what checks its files) where apt and root are at hand, and says in one sentence
 * what to install where they are not.
 *
 * Usage: node scripts/prepare.ts [--tests]
 */
import {
  findInstallation,
  installPackages,
  programOnPath,
} from '../test/support/database-installation.ts';
import { FLAVOURS } from '../test/support/database-server.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/** What the deployment suite runs, and the Debian package that has it. */
const DEPLOYMENT_PROGRAMS: Readonly<Record<string, string>> = {
  nginx: 'nginx-light',
  apache2: 'apache2',
  haproxy: 'haproxy',
  caddy: 'caddy',
  supervisord: 'supervisor',
  'systemd-analyze': 'systemd',
  strace: 'strace',
  shellcheck: 'shellcheck',
  logrotate: 'logrotate',
  nft: 'nftables',
  'iptables-restore': 'iptables',
  ufw: 'ufw',
  xmllint: 'libxml2-utils',
  curl: 'curl',
  openssl: 'openssl',
  perl: 'perl-base',
  pkill: 'procps',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  zsh: 'zsh',
  fish: 'fish',
};

process.exitCode = prepare(process.argv.includes('--tests')) ? 0 : 1;

function prepare(isForTests: boolean): boolean {
  const faults: string[] = [];
  // The demo needs one server of either kind; the tests need both.
  const flavours = isForTests ? FLAVOURS : FLAVOURS.slice(0, 1);
  for (const flavour of flavours) {
    try {
      process.stdout.write(`${flavour} ${findInstallation(flavour).version}\n`);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (isForTests && !hasBrowser() && !(installPackages(['chromium']) && hasBrowser())) {
    faults.push('No Chromium found: install the package chromium, so that chromium is on PATH.');
  }
  if (isForTests) faults.push(...prepareDeployment());
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0;
}

/** @returns a sentence for each program that is still missing */
function prepareDeployment(): readonly string[] {
  const missing = (): readonly [string, string][] =>
    Object.entries(DEPLOYMENT_PROGRAMS).filter(([program]) => programOnPath(program) === null);
  const packages = missing().map(([, name]) => name);
  if (packages.length > 0) installPackages(packages);
  return missing().map(([program, name]) => `No ${program} found: install the package ${name}.`);
}

function hasBrowser(): boolean {
  return BROWSERS.some((name) => programOnPath(name) !== null);
}
