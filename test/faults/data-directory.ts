/**
 * A server's files, for what befalls servers in the field: backups that are put back, clones.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findInstallation } from '../support/database-installation.ts';
import { until } from '../support/until.ts';
import type { Rig } from './rig.ts';

/** Copies the running server's data as it is this moment, as a snapshot of the file system would. @returns the copy */
export async function copyData(rig: Rig): Promise<string> {
  const data = await dataDirectory(rig);
  const copy = mkdtempSync(join(dirname(dirname(data)), 'gavelcast-copy-'));
  rig.own(() => {
    rmSync(copy, { recursive: true, force: true });
    return Promise.resolve();
  });
  rig.server.signal('SIGSTOP');
  try {
    cpSync(data, copy, { recursive: true });
  } finally {
    rig.server.signal('SIGCONT');
  }
  return copy;
}

/** Kills the server, puts the copy in the place of its data, and starts it again. Only while the load stands. */
export async function putBack(
  rig: Rig,
  copy: string,
  options: { readonly forgetUuid?: boolean } = {},
): Promise<void> {
  const data = await dataDirectory(rig);
  rig.server.signal('SIGKILL');
  // It lets go of its files as it lets go of its port.
  await until(
    () =>
      rig.server.connect().then(
        (connection) => {
          connection.destroy();
          return false;
        },
        () => true,
      ),
    { what: 'the end of the server' },
  );
  rmSync(data, { recursive: true, force: true });
  cpSync(copy, data, { recursive: true });
  if (options.forgetUuid === true) rmSync(join(data, 'auto.cnf'), { force: true });
  await rig.server.restart('crash');
  await rig.reconnect();
}

async function dataDirectory(rig: Rig): Promise<string> {
  const [row] = await rig.rows('SELECT @@datadir AS path');
  const { chroot } = findInstallation(rig.flavour);
  return join(chroot ?? '/', String(row?.['path']), '.');
}
