/** systemd's side of sd_notify: a Unix datagram socket, opened by Perl because Node cannot. */
import { mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from '../../support/until.ts';
import { startProgram } from './background-program.ts';

// recv(2) without room for it closes the descriptor that `systemd-notify` passes to wait for: taken.
const RECEIVER = `
use Socket; $| = 1;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
while (defined recv($s, my $m, 65536, 0)) { $m =~ s/\\n+$//; $m =~ s/\\n/ | /g; print "$m\\n"; }
`;

export interface NotifySocket {
  readonly path: string;
  /** Messages so far, fields separated by ` | `. */
  messages(): readonly string[];
  stop(): Promise<void>;
}

export async function openNotifySocket(): Promise<NotifySocket> {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-notify-'));
  const path = join(directory, 'notify');
  const receiver = startProgram('perl', ['-e', RECEIVER, path]);
  await until(() => existsSync(path), { what: () => receiver.output() });
  return {
    path,
    messages: () => receiver.output().split('\n').filter(Boolean),
    stop: async () => {
      await receiver.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
