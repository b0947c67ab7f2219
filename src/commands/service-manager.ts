/**
 * What systemd is told by `serve` where its unit asks for it (Type=notify, WatchdogSec): ready, still alive, stopping.
 *
 * The protocol is datagrams on a Unix socket, which Node cannot send. systemd's own `systemd-notify` can, but starting a
 * program from a large process now and then would stall the event loop for as long as the fork takes. So one small shell
 * is started at the beginning and gets a line for each message through a pipe. The messages then come from a child of
 * ours: the unit has to say NotifyAccess=all. A `systemd-notify` older than version 246 does not wait until its message
 * has been taken, and systemd may then be unable to tell whose it was.
 */
import { spawn, type ChildProcess } from 'node:child_process';

import type { Environment } from '../config-problem.ts';
import type { Log } from '../ports.ts';

export interface ServiceManager {
  /** The program does what it was started for, or says in `status` what it is waiting for. */
  ready(status: string): void;
  /** One line for `systemctl status`. */
  status(status: string): void;
  /** It is about to end, which may take this long. */
  stopping(withinMs: number): void;
  /** Resolves when everything said has been passed on, at most after a few seconds. Nothing can be said afterwards. */
  close(): Promise<void>;
}

/** Takes the lines apart: fields of one message are separated by tabs. */
const MESSENGER_SCRIPT = `
tab=$(printf '\\t')
while IFS= read -r line; do
  IFS=$tab
  set -f
  systemd-notify $line || exit 1
done
`;

/** Time for the last message to be taken. */
const CLOSE_WITHIN_MS = 5000;
/** Added to the time that stopping may take, for a machine that is busy. */
const STOP_MARGIN_MS = 10_000;

const NOBODY: ServiceManager = {
  ready: () => undefined,
  status: () => undefined,
  stopping: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * The service manager that started this process; one that nobody listens to where there is none (`NOTIFY_SOCKET`).
 * With a watchdog (`WATCHDOG_USEC`), tells it twice in each period that the event loop turns.
 */
export function connectServiceManager(
  env: Environment,
  deps: { readonly log: Pick<Log, 'warn'> | null; readonly pid: number },
): ServiceManager {
  if (env['NOTIFY_SOCKET'] === undefined || env['NOTIFY_SOCKET'] === '') return NOBODY;
  return new Messenger(watchdogMs(env, deps.pid), deps.log);
}

/** Null: no watchdog, or one for another process. */
function watchdogMs(env: Environment, pid: number): number | null {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? 0);
  const isForUs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === pid;
  return isForUs && microseconds > 0 ? microseconds / 1000 : null;
}

class Messenger implements ServiceManager {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #beat: NodeJS.Timeout | null;

  constructor(watchdogPeriodMs: number | null, log: Pick<Log, 'warn'> | null) {
    // Detached: Ctrl-C at a terminal must not take the messenger away before the last message.
    this.#shell = spawn('/bin/sh', ['-c', MESSENGER_SCRIPT], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#shell.unref();
    this.#shell.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#shell.once('error', (error) => {
        log?.warn({ err: error }, 'service manager not told');
        resolve();
      });
      this.#shell.once('exit', (code) => {
        if (code !== 0) log?.warn({ code }, 'service manager not told');
        resolve();
      });
    });
    this.#beat =
      watchdogPeriodMs === null
        ? null
        : setInterval(() => {
            this.#say('WATCHDOG=1');
          }, watchdogPeriodMs / 2).unref();
  }

  ready(status: string): void {
    this.#say('READY=1', statusField(status));
  }

  status(status: string): void {
    this.#say(statusField(status));
  }

  stopping(withinMs: number): void {
    const microseconds = (withinMs + STOP_MARGIN_MS) * 1000;
    this.#say('STOPPING=1', `EXTEND_TIMEOUT_USEC=${microseconds.toString()}`);
  }

  async close(): Promise<void> {
    if (this.#beat !== null) clearInterval(this.#beat);
    this.#shell.stdin?.end();
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WITHIN_MS);
    });
    await Promise.race([this.#ended, tooLate]);
    clearTimeout(timer);
    this.#shell.kill('SIGKILL');
  }

  #say(...fields: readonly string[]): void {
    if (this.#shell.stdin?.writable === true) this.#shell.stdin.write(`${fields.join('\t')}\n`);
  }
}

/** Tabs and line breaks would end the field. */
function statusField(status: string): string {
  return `STATUS=${status.replaceAll(/\s+/g, ' ')}`;
}
