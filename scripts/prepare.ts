/**
 * Before `make test` and `make demo`: what npm cannot bring. Installs the database servers (and, for the tests, Chromium)
 * where apt and root are at hand, and says in one sentence what to install where they are not.
 *
 * Usage: node scripts/prepare.ts [--browser]
 */
import {
  findInstallation,
  installPackages,
  programOnPath,
} from '../test/support/database-installation.ts';
import { FLAVOURS } from '../test/support/database-server.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

process.exitCode = prepare(process.argv.includes('--browser')) ? 0 : 1;

function prepare(withBrowser: boolean): boolean {
  const faults: string[] = [];
  // The demo needs one server of either kind; the tests need both.
  const flavours = withBrowser ? FLAVOURS : FLAVOURS.slice(0, 1);
  for (const flavour of flavours) {
    try {
      process.stdout.write(`${flavour} ${findInstallation(flavour).version}\n`);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (withBrowser && !hasBrowser() && !(installPackages(['chromium']) && hasBrowser())) {
    faults.push('No Chromium found: install the package chromium, so that chromium is on PATH.');
  }
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0;
}

function hasBrowser(): boolean {
  return BROWSERS.some((name) => programOnPath(name) !== null);
}
