/**
 * Private, throwaway database servers for tests and for the demo: a data directory of their own, a free port on
 * 127.0.0.1, nothing left behind, whatever happens to the program that started them.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import {
  copyDirectory,
  findInstallation,
  programOnPath,
  renameUnlessThere,
} from './database-installation.ts';
import type { Flavour, Installation } from './database-installation.ts';
import { DatabaseProcess, runProgram, Watchdog } from './database-process.ts';
import { freePort } from './free-port.ts';

export type { Flavour } from './database-installation.ts';

/** A name and password that a server accepts. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface DatabaseServer {
  readonly flavour: Flavour;
  /** As the program reports it; printed, never asserted. */
  readonly version: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Full rights over TCP. */
  readonly admin: Account;
  /** A connection as admin, dates as text. The caller ends it. */
  connect(options?: { readonly database?: string }): Promise<Connection>;
  /** To the server process itself: SIGSTOP, SIGCONT, SIGKILL … */
  signal(signal: NodeJS.Signals): void;
  /** Ends the server (`graceful` by SIGTERM, `crash` by SIGKILL) and starts it on the same port and data. */
  restart(how?: 'graceful' | 'crash'): Promise<void>;
  /** Ends the server and removes its data. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The flavours that database suites run on. `GAVELCAST_TEST_FLAVOURS=mariadb` restricts them on a developer's machine;
 * under `CI` it is ignored: neither may be skipped there.
 */
export const FLAVOURS: readonly Flavour[] = chosenFlavours(process.env);

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 40;
const START_ATTEMPTS = 3;

/** Options of every server: what Gavelcast recommends, and little memory and no fsync because the data is thrown away. */
const COMMON_VARIABLES: Readonly<Record<string, string>> = {
  server_id: '1',
  log_bin: 'binlog',
  binlog_format: 'ROW',
  binlog_row_image: 'FULL',
  binlog_row_metadata: 'FULL',
  sync_binlog: '0',
  innodb_flush_log_at_trx_commit: '0',
  innodb_buffer_pool_size: '64M',
  character_set_server: 'utf8mb4',
  skip_name_resolve: 'ON',
  bind_address: HOST,
};

const FLAVOUR_VARIABLES: Readonly<Record<Flavour, Readonly<Record<string, string>>>> = {
  mariadb: { innodb_log_file_size: '16M' },
  mysql: {
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    mysqlx: 'OFF',
    secure_file_priv: '',
    innodb_redo_log_capacity: '32M',
  },
};

/**
 * Starts a server of one flavour with an empty set of databases. Some two seconds; minutes when programs must be fetched.
 *
 * @param options.variables server variables that replace the defaults above, by name: `{binlog_row_metadata: 'MINIMAL'}`
 * @throws Error saying what to install, or with the tail of the server's log when it does not come up.
 */
export async function startDatabase(
  flavour: Flavour,
  options: { readonly variables?: Readonly<Record<string, string>> } = {},
): Promise<DatabaseServer> {
  const installation = findInstallation(flavour);
  const template = templateDirectory(installation);
  for (let attempt = 1; ; attempt += 1) {
    const server = new PrivateServer(installation, await freePort(), options.variables ?? {});
    try {
      await server.start(template);
      return server;
    } catch (error) {
      await server.stop();
      // Another program may have taken the port between our look and the server's.
      const isPortTaken = error instanceof Error && /address already in use/i.test(error.message);
      if (!isPortTaken || attempt === START_ATTEMPTS) throw error;
    }
  }
}

/**
 * Creates the account that Gavelcast itself is to use, with the least rights it needs: reading the binlog, asking for
 * its status, and reading the portal's database.
 */
export async function createSourceAccount(
  server: DatabaseServer,
  database: string,
): Promise<Account> {
  const account = { user: `source_${randomHex(4)}`, password: randomHex(12) };
  const status = server.flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
  const connection = await server.connect();
  try {
    await connection.query(`CREATE USER ?@'%' IDENTIFIED BY ?`, [account.user, account.password]);
    await connection.query(`GRANT REPLICATION SLAVE, ${status} ON *.* TO ?@'%'`, [account.user]);
    await connection.query(`GRANT SELECT ON ??.* TO ?@'%'`, [database, account.user]);
  } finally {
    await connection.end();
  }
  return account;
}

class PrivateServer implements DatabaseServer {
  readonly flavour: Flavour;
  readonly version: string;
  readonly host = HOST;
  readonly port: number;
  readonly admin: Account = { user: 'admin', password: randomHex(12) };
  readonly #installation: Installation;
  readonly #home: string;
  readonly #args: readonly string[];
  readonly #watchdog: Watchdog;
  #process: DatabaseProcess | null = null;
  #stopping: Promise<void> | null = null;

  constructor(
    installation: Installation,
    port: number,
    variables: Readonly<Record<string, string>>,
  ) {
    this.flavour = installation.flavour;
    this.version = installation.version;
    this.port = port;
    this.#installation = installation;
    this.#home = mkdtempSync(join(installation.dataRoot, 'gavelcast-db-'));
    this.#watchdog = new Watchdog(this.#home);
    this.#args = serverArguments({ installation, home: this.#home, port, variables });
  }

  async start(template: string): Promise<void> {
    const data = join(this.#home, 'data');
    copyDirectory(template, data);
    // The server's own id: with the template's copy, two servers would write the same GTIDs.
    rmSync(join(data, 'auto.cnf'), { force: true });
    mkdirSync(join(this.#home, 'tmp'));
    writeFileSync(join(this.#home, 'init.sql'), adminStatements(this.admin));
    await this.#launch();
  }

  connect(options: { readonly database?: string } = {}): Promise<Connection> {
    const { host, port } = this;
    return createConnection({ host, port, ...this.admin, ...options, dateStrings: true });
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  async restart(how: 'graceful' | 'crash' = 'graceful'): Promise<void> {
    if (this.#stopping !== null) throw new Error('the database server was stopped');
    await this.#end(how === 'graceful' ? 'SIGTERM' : 'SIGKILL');
    await this.#launch();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end('SIGKILL').then(() => this.#watchdog.finish());
    return this.#stopping;
  }

  async #launch(): Promise<void> {
    const { host, port } = this;
    const started = DatabaseProcess.launch({
      installation: this.#installation,
      home: this.#home,
      args: this.#args,
      watchdog: this.#watchdog,
    });
    this.#process = started;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const problem = await this.#probe();
      if (problem === null) return;
      if (started.endedAs !== null || Date.now() > deadline) {
        const what = `${this.flavour} ${this.version} on ${host}:${port.toString()} did not start`;
        const why = started.endedAs ?? `no answer in time (${problem})`;
        throw new Error(`${what}: ${why}. Its log ends:\n${started.logTail()}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Null when the server lets the administrator in, else why not. */
  async #probe(): Promise<string | null> {
    try {
      const connection = await this.connect();
      await connection.end();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running === null) return;
    running.signal(signal);
    // A stopped (SIGSTOP) server does not see SIGTERM before it goes on.
    running.signal('SIGCONT');
    const timer = setTimeout(() => {
      running.signal('SIGKILL');
    }, STOP_TIMEOUT_MS);
    try {
      await running.ended();
    } finally {
      clearTimeout(timer);
    }
  }
}

function serverArguments(options: {
  readonly installation: Installation;
  readonly home: string;
  readonly port: number;
  readonly variables: Readonly<Record<string, string>>;
}): string[] {
  const { installation, port } = options;
  const home = pathInside(installation, options.home);
  const variables = new Map(Object.entries(COMMON_VARIABLES));
  const added = { ...FLAVOUR_VARIABLES[installation.flavour], ...options.variables };
  for (const [name, value] of Object.entries(added))
    variables.set(name.replaceAll('-', '_'), value);
  return [
    '--no-defaults',
    ...runAs(),
    `--datadir=${home}/data`,
    `--tmpdir=${home}/tmp`,
    `--socket=${home}/s.sock`,
    `--pid-file=${home}/server.pid`,
    `--init-file=${home}/init.sql`,
    `--port=${port.toString()}`,
    ...Array.from(variables, ([name, value]) => `--${name.replaceAll('_', '-')}=${value}`),
  ];
}

/** A data directory that was initialised once and is copied for each server; made on first use of a version. */
function templateDirectory(installation: Installation): string {
  const { flavour, version, dataRoot } = installation;
  const owner = (process.getuid?.() ?? 0).toString();
  const template = join(dataRoot, `gavelcast-template-${flavour}-${version}-${owner}`);
  if (existsSync(template)) return template;
  const work = mkdtempSync(join(dataRoot, 'gavelcast-template-'));
  try {
    const data = join(work, 'data');
    initialise(installation, data);
    renameUnlessThere(data, template);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return template;
}

function initialise(installation: Installation, data: string): void {
  const datadir = `--datadir=${pathInside(installation, data)}`;
  if (installation.flavour === 'mysql') {
    const args = ['--no-defaults', '--initialize-insecure', ...runAs(), datadir];
    runProgram(installation, installation.serverProgram, [...args, '--skip-log-bin']);
    return;
  }
  const installer = programOnPath('mariadb-install-db') ?? 'mariadb-install-db';
  const args = ['--no-defaults', ...runAs(), datadir, '--skip-test-db'];
  runProgram(installation, installer, [...args, '--auth-root-authentication-method=normal']);
}

/** Statements that a server runs at each start, before it listens, and that leave no trace in the binlog. */
function adminStatements(admin: Account): string {
  return [
    'SET sql_log_bin = 0;',
    `CREATE USER IF NOT EXISTS '${admin.user}'@'%' IDENTIFIED BY '${admin.password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO '${admin.user}'@'%' WITH GRANT OPTION;`,
    '',
  ].join('\n');
}

/** Servers refuse to run as root unless told to; here only root may enter a tree, and the data is private. */
function runAs(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

function pathInside(installation: Installation, path: string): string {
  return installation.chroot === null ? path : `/${relative(installation.chroot, path)}`;
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

function chosenFlavours(env: NodeJS.ProcessEnv): readonly Flavour[] {
  const both = ['mariadb', 'mysql'] as const;
  const wanted = env['GAVELCAST_TEST_FLAVOURS'];
  if (wanted === undefined || wanted === '' || env['CI'] !== undefined) return both;
  const chosen = both.filter((flavour) => wanted.split(',').includes(flavour));
  if (chosen.length === 0)
    throw new Error('GAVELCAST_TEST_FLAVOURS names neither mariadb nor mysql');
  return chosen;
}
