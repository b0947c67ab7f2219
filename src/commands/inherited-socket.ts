/**
 * The listening socket that a service manager opened for us (systemd's socket activation, sd_listen_fds(3)): it stays
 * open from one process to the next, and whoever connects in between waits in it.
 */
import type { ConfigProblem, Environment } from '../config-problem.ts';

/** The first descriptor after standard input, output and error. */
const FIRST_FD = 3;
/** What a socket is called (`FileDescriptorName=`) where there are several. */
const NAME = 'websocket';

export type InheritedSocket =
  /** Null: none was passed. */
  | { readonly ok: true; readonly fd: number | null }
  | { readonly ok: false; readonly problem: ConfigProblem };

/**
 * Reads `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`.
 *
 * @param pid our process: what was passed to another one, which started us, is not ours
 */
export function inheritedSocket(env: Environment, pid: number): InheritedSocket {
  const { LISTEN_FDS: fds = '', LISTEN_PID: forPid = '', LISTEN_FDNAMES: names = '' } = env;
  if (fds === '' || forPid !== pid.toString()) return { ok: true, fd: null };
  const count = Number(fds);
  if (count === 1) return { ok: true, fd: FIRST_FD };
  const each = names.split(':');
  const at = each.indexOf(NAME);
  if (at !== -1 && at < count && at === each.lastIndexOf(NAME)) {
    return { ok: true, fd: FIRST_FD + at };
  }
  const problem = `passes ${fds} sockets, of which not exactly one is called ${NAME}`;
  const fix = `keep one ListenStream= in the .socket unit, or set FileDescriptorName=${NAME} in the unit of ours`;
  return { ok: false, problem: { name: 'LISTEN_FDS', problem, fix } };
}
