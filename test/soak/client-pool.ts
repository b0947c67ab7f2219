/** The clients, in processes of their own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sum } from './course-judge.ts';
import { EXPLANATIONS_MAX } from './client-report.ts';
import type { Assignment, Command, Report } from './client-report.ts';
import type { Courses } from './courses.ts';

/** Clients of one process. */
const SHARE_MAX = 250;
const PROGRAM = fileURLToPath(new URL('./client-process.ts', import.meta.url));

export class ClientPool {
  readonly #children: readonly ChildProcess[];
  #asked: Promise<unknown> = Promise.resolve();

  /** Forks the processes; their clients connect at once. */
  constructor({ url, clients }: Assignment) {
    const children: ChildProcess[] = [];
    for (let at = 0; at < clients.length; at += SHARE_MAX) {
      const child = fork(PROGRAM, { execArgv: ['--disable-warning=ExperimentalWarning'] });
      const assignment = { url, clients: clients.slice(at, at + SHARE_MAX) };
      child.send({ kind: 'start', assignment } satisfies Command);
      children.push(child);
    }
    this.#children = children;
  }

  /** How all of them are doing; judged where there are courses. */
  report(courses: Courses | null = null): Promise<Report> {
    const next = this.#asked.then(() => this.#report(courses));
    this.#asked = next.catch(() => undefined);
    return next;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  }

  async #report(courses: Courses | null): Promise<Report> {
    const reports = await Promise.all(
      this.#children.map(async (child) => {
        const waiting = new AbortController();
        const { signal } = waiting;
        const answer = once(child, 'message', { signal });
        const end = once(child, 'exit', { signal });
        for (const either of [answer, end]) either.catch(() => undefined);
        child.send({ kind: 'report', courses } satisfies Command);
        const [report] = await Promise.race([answer, end.then(() => [null])]);
        waiting.abort();
        if (report === null) throw new Error('a process of clients has ended');
        // Our own child's writing.
        return report as Report;
      }),
    );
    return reports.reduce(together);
  }
}

function together(a: Report, b: Report): Report {
  const losses = { ...a.losses };
  for (const [loss, count] of Object.entries(b.losses)) losses[loss] = (losses[loss] ?? 0) + count;
  return {
    clients: a.clients + b.clients,
    live: a.live + b.live,
    events: a.events + b.events,
    returns: a.returns + b.returns,
    fallbacks: a.fallbacks + b.fallbacks,
    recoveryMs: [...a.recoveryMs, ...b.recoveryMs],
    losses,
    items: sum(a.items, b.items),
    byName: sum(a.byName, b.byName),
    wrongStates: a.wrongStates + b.wrongStates,
    explanations: [...a.explanations, ...b.explanations].slice(0, EXPLANATIONS_MAX),
  };
}
