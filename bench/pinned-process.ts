/**
 * Child processes of a benchmark, each on a core of its own where there are two: the server that is measured on core 0,
 * the generator on core 1. They talk in messages with a `type`.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/**
 * `servers`: one that has processes of its own, on all cores but the generator's where there are four. `anywhere`: not
 * pinned, where more processes than there are cores have to share them.
 */
export type Role = 'server' | 'servers' | 'generator' | 'anywhere';

/** Processes have cores to spread over only where there are so many. */
export const HAS_FOUR_CORES: boolean = availableParallelism() >= 4;

const CORES: Readonly<Record<Exclude<Role, 'anywhere'>, string>> = {
  server: '0',
  servers: HAS_FOUR_CORES ? `0,2-${availableParallelism() - 1}` : '0',
  generator: '1',
};

/** Longer than anything a benchmark asks for takes; what was lost must not keep it waiting for ever. */
const ANSWER_WITHIN_MS = 600_000;

/** Sockets and files a process is given where the system allows it. */
const OPEN_FILES_WANTED = 110_000;

/** True where processes can be tied to cores: `taskset` is there, and there are two. */
export const CAN_PIN: boolean =
  availableParallelism() >= 2 && spawnSync('taskset', ['--version']).status === 0;

/** Keeps this process, which only passes messages on, off the server's core. */
export function stayOffServerCore(): void {
  if (CAN_PIN) {
    execFileSync('taskset', ['-cp', CORES.generator, process.pid.toString()], { stdio: 'ignore' });
  }
}

/** Ties this process, which is the server itself, to the server's core with all of its threads. */
export function stayOnServerCore(): void {
  if (CAN_PIN) {
    execFileSync('taskset', ['-acp', CORES.server, process.pid.toString()], { stdio: 'ignore' });
  }
}

/** Sockets and files that a process of the benchmark may have open. */
export function openFilesMax(): number {
  const script = 'ulimit -n "$1" 2>/dev/null; ulimit -n';
  const text = execFileSync('sh', ['-c', script, 'sh', OPEN_FILES_WANTED.toString()], {
    encoding: 'utf8',
  }).trim();
  return text === 'unlimited' ? OPEN_FILES_WANTED : Number(text);
}

/**
 * As many connections as are wanted, or as open files allow.
 *
 * @param spare files for all else
 * @throws Error when they allow none
 */
export function connectionsWithin(openFiles: number, spare: number, wanted: number): number {
  const most = Math.min(wanted, openFiles - spare);
  if (most > 0) return most;
  throw new Error(
    `no connections within ${openFiles} open files, ${spare} of them spared: let processes have more (ulimit -n)`,
  );
}

/** A sentence for the notes of a report where processes share cores; none where they do not. */
export function pinningNotes(): string[] {
  return CAN_PIN ? [] : ['Server and generator were not pinned to cores of their own.'];
}

/** What processes tell each other; the rest of a message depends on its type. */
export interface Message {
  readonly type: string;
}

/** A started script. Every answer is awaited by its `type`; if the process ends first, whoever waits is told. */
export class PinnedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;

  /** @param file beside this one */
  constructor(file: string, role: Role) {
    const script = fileURLToPath(new URL(file, import.meta.url));
    const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning'];
    const node = [process.execPath, ...flags, script];
    const isPinned = CAN_PIN && role !== 'anywhere';
    const command = isPinned ? ['taskset', '-c', CORES[role], ...node] : node;
    const raise = 'ulimit -n "$1" 2>/dev/null; shift; exec "$@"';
    const args = ['-c', raise, 'sh', OPEN_FILES_WANTED.toString(), ...command];
    this.#name = file;
    this.#child = spawn('sh', args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
  }

  /** Passes messages of one type on to another process. */
  relay(type: string, to: PinnedProcess): void {
    this.#child.on('message', (message: Message) => {
      if (message.type === type) to.send(message);
    });
  }

  send(message: Message): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /**
   * Sends a message and resolves with the next one of type `type`.
   *
   * @throws Error when the process has ended or ends, and when it has said nothing of the kind in time
   */
  ask<Answer extends Message>(
    message: Message,
    type: Answer['type'],
    withinMs = ANSWER_WITHIN_MS,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#child.off('exit', onExit);
        this.#child.off('message', onMessage);
      };
      const onExit = (): void => {
        settle();
        reject(new Error(`${this.#name} ended before it said '${type}': see what it wrote above`));
      };
      const onMessage = (heard: Message): void => {
        if (!isOf<Answer>(heard, type)) return;
        settle();
        resolve(heard);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`${this.#name} has not said '${type}' within ${withinMs} ms`));
      }, withinMs);
      this.#child.on('exit', onExit);
      this.#child.on('message', onMessage);
      if (this.#hasEnded) onExit();
      else this.send(message);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

function isOf<Expected extends Message>(
  message: Message,
  type: Expected['type'],
): message is Expected {
  return message.type === type;
}
