/**
 * Supervisor and PM2, each on its shipped file. What is put in place of the shipped text: the program's and Node's place,
 * the portal's directory, the log directory and, for Supervisor, the account (a checkout may be where
 * only we may enter) and the number of retries.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { cacheDirectory, renameUnlessThere } from '../../support/database-installation.ts';
import { until } from '../../support/until.ts';
import { requiredProgram, startProgram } from './background-program.ts';
import type { PortalDirectory } from './portal-directory.ts';
import { PROGRAM_HERE, shippedFile, type Substitution } from './shipped-file.ts';

/** Not among the dependencies: it is 24 MB, and its licence is not ours. */
const PM2_VERSION = '7.0.4';

export interface ManagedProgram {
  /** Id of the program's process; null while it does not run. */
  pid(): number | null;
  /** As the manager calls it. */
  state(): string;
  stop(): void;
  start(): void;
  /** Ends the manager too. */
  dispose(): Promise<void>;
}

export interface ProcessManager {
  readonly name: string;
  /** What it calls a program that it stopped, and one that ended with a code that means: leave it. */
  readonly stoppedState: string;
  readonly leftState: string;
  /** How often it starts a program whose configuration cannot be used. */
  readonly futileStarts: number;
  /** Starts the manager, which starts the program. */
  manage(portal: PortalDirectory): Promise<ManagedProgram>;
}

const supervisor: ProcessManager = {
  name: 'Supervisor',
  stoppedState: 'STOPPED',
  leftState: 'FATAL',
  futileStarts: 3,
  manage: async (portal) => {
    const { home } = portal;
    const config = join(home, 'supervisord.conf');
    const program = join(home, 'auction-websocket.conf');
    const account: Substitution = ['user=www-data', `user=${userInfo().username}`];
    const file = 'deploy/supervisor/auction-websocket.conf';
    const impatient: Substitution = ['startretries=10', 'startretries=2'];
    writeFileSync(program, shippedFile(file, [...places(portal), account, impatient]));
    writeFileSync(config, supervisorSettings(home, program));
    const daemon = startProgram('supervisord', ['-n', '-c', config], { cwd: home });
    const ctl = (...args: readonly string[]): string => {
      const command = ['-c', config, ...args, 'auction-websocket'];
      return spawnSync(requiredProgram('supervisorctl'), command, { encoding: 'utf8' }).stdout;
    };
    await until(() => existsSync(join(home, 'supervisor.sock')), { what: () => daemon.output() });
    return {
      pid: () => positive(Number(ctl('pid'))),
      state: () => ctl('status').split(/\s+/)[1] ?? '',
      stop: () => ctl('stop'),
      start: () => ctl('start'),
      dispose: () => daemon.stop(),
    };
  },
};

const pm2: ProcessManager = {
  name: 'PM2',
  stoppedState: 'stopped',
  leftState: 'stopped',
  futileStarts: 1,
  manage: (portal) => {
    const { home } = portal;
    const config = join(home, 'ecosystem.config.cjs');
    writeFileSync(config, shippedFile('deploy/pm2/ecosystem.config.cjs', places(portal)));
    const program = pm2Program();
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      PM2_HOME: join(home, '.pm2'),
      // It would ask its maker's server.
      PM2_DISABLE_VERSION_CHECK: 'true',
    };
    const run = (...args: readonly string[]): string =>
      execFileSync(process.execPath, [program, ...args], { env, encoding: 'utf8', stdio: 'pipe' });
    run('start', config);
    return Promise.resolve({
      pid: () => positive(Number(run('pid', 'auction-websocket'))),
      state: () => /"status":"(\w+)"/.exec(run('jlist'))?.[1] ?? '',
      stop: () => run('stop', 'auction-websocket'),
      start: () => run('start', 'auction-websocket'),
      dispose: () => {
        run('kill');
        return Promise.resolve();
      },
    });
  },
};

export const PROCESS_MANAGERS: readonly ProcessManager[] = [supervisor, pm2];

function places({ path, logs }: PortalDirectory): readonly Substitution[] {
  return [...PROGRAM_HERE, ['/var/www/auction-portal', path], ['/var/log', logs]];
}

function positive(pid: number): number | null {
  return pid > 0 ? pid : null;
}

/** As Debian's supervisord.conf, in another place. */
function supervisorSettings(home: string, program: string): string {
  return `[unix_http_server]
file=${home}/supervisor.sock
[supervisord]
logfile=${home}/supervisord.log
pidfile=${home}/supervisord.pid
childlogdir=${home}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${home}/supervisor.sock
[include]
files = ${program}
`;
}

/** PM2's command, installed into the cache the first time. */
function pm2Program(): string {
  const place = join(cacheDirectory(), `pm2-${PM2_VERSION}`);
  const program = join(place, 'node_modules/pm2/bin/pm2');
  if (existsSync(program)) return program;
  mkdirSync(cacheDirectory(), { recursive: true });
  const unfinished = mkdtempSync(`${place}.`);
  try {
    const args = ['install', '--prefix', unfinished, '--no-audit', '--no-fund', '--ignore-scripts'];
    execFileSync('npm', [...args, `pm2@${PM2_VERSION}`], { stdio: 'pipe', cwd: unfinished });
    renameUnlessThere(unfinished, place);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return program;
}
