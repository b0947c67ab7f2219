/**
 * A bare Debian in a directory of its own, entered with chroot. It shares the network and the processes of this machine.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIRROR = 'http://deb.debian.org/debian';
const SUITE = 'bookworm';
const MOUNTS = ['proc', 'dev', 'dev/pts'];
/** What a machine that reaches its registries in a way of its own tells its programs. */
const PASSED_ON =
  /^(NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|GIT_SSL_CAINFO|CURL_CA_BUNDLE|https?_proxy|no_proxy)$/i;

export class BareTree implements Disposable {
  readonly root: string;
  readonly #mounted: string[] = [];
  readonly #started = new Set<ChildProcess>();

  /** Fetches Debian (a minute or two). @throws Error when debootstrap or root is missing */
  constructor() {
    if (process.getuid?.() !== 0)
      throw new Error('run this as root: it needs debootstrap and chroot');
    this.root = mkdtempSync(join(tmpdir(), 'gavelcast-install-'));
    // The root of all, for every account in it.
    chmodSync(this.root, 0o755);
    const include = '--include=ca-certificates,procps,util-linux';
    const args = ['--variant=minbase', include, SUITE, this.root, MIRROR];
    const made = spawnSync('debootstrap', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (made.status !== 0)
      throw new Error('debootstrap failed; is the package debootstrap installed?');
    for (const name of MOUNTS) this.#mount(name);
    copyFileSync('/etc/resolv.conf', this.path('etc/resolv.conf'));
    this.#trustWhatWeTrust();
  }

  /** A path of the tree as this machine sees it. */
  path(inside: string): string {
    return join(this.root, inside);
  }

  /** Runs a script with `bash -e`. @throws Error with the end of its output when it fails */
  run(script: string, env: Readonly<Record<string, string>> = {}): string {
    const { status, stdout } = spawnSync('chroot', this.#command(script), {
      env: this.#environment(env),
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status === 0) return stdout;
    throw new Error(
      `exit code ${String(status)} of\n${script}\n--- its output:\n${stdout.slice(-4000)}`,
    );
  }

  /** Starts a script that goes on beside what follows. */
  start(script: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn('chroot', this.#command(script), { env: this.#environment(env) });
    this.#started.add(child);
    return child;
  }

  /** Ends every process that runs from the tree, and removes it. */
  [Symbol.dispose](): void {
    for (const child of this.#started) child.kill('SIGKILL');
    for (const pid of this.#pids()) process.kill(pid, 'SIGKILL');
    for (const at of this.#mounted.reverse()) spawnSync('umount', ['-l', at]);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Processes whose root is the tree. */
  #pids(): readonly number[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        return readlinkSync(`/proc/${name}/root`) === this.root ? [Number(name)] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
  }

  #command(script: string): string[] {
    return [this.root, '/bin/bash', '-euo', 'pipefail', '-c', script];
  }

  #environment(env: Readonly<Record<string, string>>): Record<string, string> {
    const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
    return {
      ...Object.fromEntries(passed.map(([name, value]) => [name, value ?? ''])),
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
      DEBIAN_FRONTEND: 'noninteractive',
      ...env,
    };
  }

  #mount(name: string): void {
    const at = this.path(name);
    mkdirSync(at, { recursive: true });
    const { status } = spawnSync('mount', ['--bind', `/${name}`, at]);
    if (status === 0) this.#mounted.push(at);
  }

  #trustWhatWeTrust(): void {
    const own = '/usr/local/share/ca-certificates';
    if (existsSync(own)) cpSync(own, this.path(own), { recursive: true });
    this.run('update-ca-certificates');
  }
}
