/**
 * Before the database and end-to-end suites: finds (and, where it can, installs) every server they run on, and prints
 * its version. A missing server fails the run here; it never skips a test.
 */
import { findInstallation } from './database-installation.ts';
import { FLAVOURS } from './database-server.ts';

/** Called by vitest, once a run. */
export function setup(): void {
  for (const flavour of FLAVOURS) {
    const { version, chroot } = findInstallation(flavour);
    const place = chroot === null ? '' : ` (in ${chroot})`;
    process.stdout.write(`${flavour}: ${version}${place}\n`);
  }
}
