/**
 * systemd's side of socket activation: holds a listening socket and starts the program with it as descriptor 3, again
 * and again. In Perl, because Node would take the connections itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROJECT_ROOT } from './gavelcast-process.ts';
import { until } from './until.ts';

/** Arguments: the port, then the command. HUP restarts it, TERM ends it; it never lets go of the socket in between. */
const LAUNCHER = `
use Socket; use POSIX (); $| = 1; $^F = 3;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in(shift @ARGV, INADDR_LOOPBACK)) or die "bind: $!"; listen($s, 4096) or die;
fileno($s) == 3 or POSIX::dup2(fileno($s), 3);
my ($pid, $again) = (0, 0);
$SIG{HUP} = sub { $again = 1; kill 'TERM', $pid }; $SIG{TERM} = sub { $again = 0; kill 'TERM', $pid };
do {
  $again = 0;
  $pid = fork();
  if (!$pid) { $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @ARGV or die "exec: $!" }
  until (waitpid($pid, 0) == $pid) {}
  print "launcher: ended with ", $? >> 8, "\\n";
} while ($again);
`;

export interface ActivatedProgram {
  /** Everything that the launcher and the program have written so far. */
  output(): string;
  /** Asks the program to end, as `systemctl restart` does, and resolves when the next one has been started. */
  restart(): Promise<void>;
  /** Resolves when program and launcher have ended. */
  stop(): Promise<void>;
}

/** Starts `gavelcast serve` with a listening socket on that port of the loopback. */
export function startActivated(port: number, env: Record<string, string>): ActivatedProgram {
  const command = [process.execPath, 'src/main.ts', 'serve'];
  const child = spawn('perl', ['-e', LAUNCHER, port.toString(), ...command], {
    cwd: PROJECT_ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'exit');
  const ends = (): number => output.split('launcher: ended').length;
  return {
    output: () => output,
    restart: async () => {
      const before = ends();
      child.kill('SIGHUP');
      await until(() => ends() > before, { withinMs: 30_000, what: () => `its end: ${output}` });
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}
