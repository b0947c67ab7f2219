/** Thousands of clients who watch one item, in a process of their own (crowd-process.ts). */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CrowdNews, CrowdOrder } from './crowd-process.ts';

export class Crowd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor() {
    this.#child = fork(fileURLToPath(new URL('crowd-process.ts', import.meta.url)));
    this.#ended = once(this.#child, 'exit');
  }

  /** Resolves when all of them watch. */
  static async gather(order: CrowdOrder): Promise<Crowd> {
    const crowd = new Crowd();
    crowd.#child.send(order);
    await crowd.#next('watching');
    return crowd;
  }

  /** Resolves when all have got the last event, with how many got each event once and in order. */
  async heard(): Promise<number> {
    const news = await this.#next('heard');
    return news.type === 'heard' ? news.inOrder : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Fails where the process ends first: it has said why on standard error. */
  #next(type: CrowdNews['type']): Promise<CrowdNews> {
    return new Promise((resolve, reject) => {
      const hear = (news: CrowdNews): void => {
        if (news.type !== type) return;
        this.#child.off('message', hear);
        resolve(news);
      };
      this.#child.on('message', hear);
      void this.#ended.then(() => {
        reject(new Error(`the crowd ended before it was ${type}`));
      });
    });
  }
}
