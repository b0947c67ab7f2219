/**
 * Finds the programs of a MySQL or MariaDB server, and fetches them where that is possible without asking: MariaDB from
 * apt, MySQL as a Debian tree of its own (Debian's MariaDB and MySQL packages exclude one another).
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export type Flavour = 'mariadb' | 'mysql';

/** Where the programs of one flavour are. */
export interface Installation {
  readonly flavour: Flavour;
  /** As the server reports it, for example `10.11.19-MariaDB` or `9.7.4`. */
  readonly version: string;
  /** Server program, as seen from inside `chroot` where there is one. */
  readonly serverProgram: string;
  /** Root of the tree that the server runs in; null when it is installed on this machine. */
  readonly chroot: string | null;
  /** Directory on this machine for data directories and templates; short, because Unix socket paths are limited. */
  readonly dataRoot: string;
}

const MYSQL_MIRROR = 'http://deb.debian.org/debian';
const MYSQL_SUITE = 'sid';
const INSTALL_TIMEOUT_MS = 10 * 60_000;

const INSTALL_ADVICE: Readonly<Record<Flavour, string>> = {
  mariadb:
    'No MariaDB server found: install the package mariadb-server, so that mariadbd is on PATH.',
  mysql:
    'No MySQL server found: put a mysqld of MySQL 8 or later on PATH, or install debootstrap and run as root.',
};

/** Cache directory: `GAVELCAST_CACHE`, default `~/.cache/gavelcast`. */
export function cacheDirectory(): string {
  return process.env['GAVELCAST_CACHE'] ?? join(homedir(), '.cache', 'gavelcast');
}

/**
 * The installation of one flavour, installed on the way if need be (minutes, the first time on a machine).
 *
 * @throws Error saying in one sentence what to install.
 */
export function findInstallation(flavour: Flavour): Installation {
  const found = flavour === 'mariadb' ? findMariadb() : findMysql();
  if (found === null) throw new Error(INSTALL_ADVICE[flavour]);
  return found;
}

function findMariadb(): Installation | null {
  return (
    findOnPath('mariadb') ?? (installPackages(['mariadb-server']) ? findOnPath('mariadb') : null)
  );
}

function findMysql(): Installation | null {
  const onPath = findOnPath('mysql');
  if (onPath !== null || !isRoot()) return onPath;
  const tree = join(cacheDirectory(), `mysql-${MYSQL_SUITE}`);
  if (!existsSync(tree) && !buildMysqlTree(tree)) return null;
  const version = serverVersion('/usr/sbin/mysqld', tree);
  if (version === null) return null;
  const dataRoot = join(tree, 'srv');
  return { flavour: 'mysql', version, serverProgram: '/usr/sbin/mysqld', chroot: tree, dataRoot };
}

function findOnPath(flavour: Flavour): Installation | null {
  for (const name of flavour === 'mariadb' ? ['mariadbd', 'mysqld'] : ['mysqld']) {
    const serverProgram = programOnPath(name);
    const version = serverProgram === null ? null : serverVersion(serverProgram, null);
    if (serverProgram === null || version === null) continue;
    // Debian's MariaDB also calls itself mysqld: only the version tells them apart.
    if (version.includes('MariaDB') !== (flavour === 'mariadb')) continue;
    return { flavour, version, serverProgram, chroot: null, dataRoot: tmpdir() };
  }
  return null;
}

/** The full path of a program, looked for in PATH and in the places where servers are put. */
export function programOnPath(name: string): string | null {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const place of places) {
    const candidate = join(place, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not there: the next place may have it.
    }
  }
  return null;
}

function serverVersion(program: string, chroot: string | null): string | null {
  const run =
    chroot === null
      ? spawnSync(program, ['--version'], { encoding: 'utf8' })
      : spawnSync('chroot', [chroot, program, '--version'], { encoding: 'utf8' });
  return /Ver (\d+\.\d+\.\d+(?:-MariaDB)?)/.exec(run.stdout)?.[1] ?? null;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Installs Debian packages; false where that cannot be done (not root, no apt) or does not work. */
export function installPackages(packages: readonly string[]): boolean {
  if (!isRoot() || programOnPath('apt-get') === null) return false;
  progress(`installing ${packages.join(' ')} with apt-get`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...args: readonly string[]): boolean => {
    const run = spawnSync('apt-get', args, {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: INSTALL_TIMEOUT_MS,
    });
    return run.status === 0;
  };
  // Stale package lists are not fatal: the packages may be in the local cache.
  aptGet('update', '-qq');
  return aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
}

/** Builds the MySQL tree beside its place and renames it, so that a tree that exists is a whole one. */
function buildMysqlTree(tree: string): boolean {
  if (programOnPath('debootstrap') === null && !installPackages(['debootstrap'])) return false;
  const unfinished = `${tree}.tmp.${process.pid.toString()}`;
  mkdirSync(dirname(tree), { recursive: true });
  progress(`fetching MySQL with debootstrap into ${tree} (about a minute, once)`);
  const args = ['--variant=minbase', '--include=mysql-server-core', MYSQL_SUITE, unfinished];
  const run = spawnSync('debootstrap', [...args, MYSQL_MIRROR], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_TIMEOUT_MS,
  });
  try {
    if (run.status === 0) renameUnlessThere(unfinished, tree);
    else progress('debootstrap failed');
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return existsSync(tree);
}

/** Renames a finished directory into its place; whoever came first wins. */
export function renameUnlessThere(finished: string, place: string): void {
  try {
    renameSync(finished, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
    rmSync(finished, { recursive: true, force: true });
  }
}

/** Copies a directory, sharing blocks where the file system can. */
export function copyDirectory(from: string, to: string): void {
  const mode = constants.COPYFILE_FICLONE;
  cpSync(from, to, { recursive: true, mode, preserveTimestamps: true });
}

function progress(text: string): void {
  process.stderr.write(`gavelcast: ${text}\n`);
}
