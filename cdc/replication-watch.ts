/**
 * Asks a source now and then whether its own replication runs, while we stream from it. A replica that has stopped goes on
 * sending us heartbeats, so nothing in the stream would ever tell.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/ports.ts';
import type { DatabasePool } from './source/database-pool.ts';
import { isUnfed, readReplication, wordsOf } from './source/replication.ts';
import type { Replication } from './source/replication.ts';
import type { SourceInfo } from './source/source-info.ts';

export interface ReplicationWatchOptions {
  readonly pool: DatabasePool;
  /** Null while not streaming: then nothing is asked. */
  readonly source: () => SourceInfo | null;
  /** `server_id` of the server that wrote the newest change of our tables first; null while unknown. */
  readonly writer: () => number | null;
  /** Milliseconds between two questions; 0: never. Default 5,000. */
  readonly everyMs: number | undefined;
}

/** What follows from the answers so far. */
export interface Standing {
  /** Answers in a row that said `stopped`. */
  readonly stoppedAnswers: number;
  /** False: what we publish grows old. Null: the source is no replica, or its replication is not known. */
  readonly runs: boolean | null;
}

const EVERY_MS = 5_000;
/** One answer may be a moment's: a thread that is restarted, a source that is restarted. */
const STOPPED_ANSWERS_MIN = 2;
/** Where our account may not look, each question is a refusal in the server's own log. */
const HIDDEN_EVERY_MS = 86_400_000;

export const UNKNOWN: Standing = { stoppedAnswers: 0, runs: null };

/**
 * What an answer changes.
 *
 * @param before what followed from the same server's answers before
 * @param isWrittenHere the newest change of our tables was written on the source itself. Where it only gets nothing more,
 *   it is then one of two primaries whose other is away, or a replica that took over: its events do not come by
 *   replication. Where it does not apply what it got, or was refused, that excuses nothing: a row that somebody wrote on a
 *   replica by mistake is what most often stops one.
 */
export function standingAfter(
  before: Standing,
  found: Replication,
  isWrittenHere: boolean,
): Standing {
  switch (found.state) {
    case 'none':
    case 'hidden':
      return UNKNOWN;
    case 'runs':
      return { stoppedAnswers: 0, runs: true };
    case 'stopped': {
      if (isWrittenHere && found.stopped.every(isUnfed)) return UNKNOWN;
      const stoppedAnswers = before.stoppedAnswers + 1;
      return { stoppedAnswers, runs: stoppedAnswers < STOPPED_ANSWERS_MIN ? before.runs : false };
    }
  }
}

export class ReplicationWatch {
  readonly #options: ReplicationWatchOptions;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #standing = UNKNOWN;
  /** Of the server that answered last. */
  #identity: string | null = null;
  #run: Promise<void> | null = null;
  /** Ends the wait for the next question. */
  #wake = new AbortController();

  constructor(options: ReplicationWatchOptions, { log }: { readonly log: Log }) {
    this.#options = options;
    this.#log = log;
  }

  /** See `Standing.runs`; null too while not streaming, and until this source has answered. */
  get runs(): boolean | null {
    return this.#options.source()?.identity === this.#identity ? this.#standing.runs : null;
  }

  /** Asks at once, whenever it is called: each time the stream is live. */
  start(): void {
    const { everyMs = EVERY_MS } = this.#options;
    this.#wake.abort();
    if (everyMs > 0) this.#run ??= this.#repeat(everyMs);
  }

  /** Idempotent. A question that a frozen server keeps waiting ends with the pool. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  /** One question at a time. */
  async #repeat(everyMs: number): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const found = await this.#ask();
      const waitMs = found === 'hidden' ? HIDDEN_EVERY_MS : everyMs;
      const until = AbortSignal.any([signal, this.#wake.signal]);
      await delay(waitMs, undefined, { signal: until, ref: false }).catch(() => undefined);
    }
  }

  /** Never rejects: a question that fails changes nothing, and where the connection is lost the stream says so. */
  async #ask(): Promise<Replication['state'] | null> {
    const source = this.#options.source();
    if (source === null) return null;
    try {
      const found = await readReplication(this.#options.pool, source.flavour);
      this.#take(found, source);
      return found.state;
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#log.debug({ err: error }, 'replication unread');
      return null;
    }
  }

  #take(found: Replication, source: SourceInfo): void {
    const before = this.#standing;
    const isSame = this.#identity === source.identity;
    this.#identity = source.identity;
    const isWrittenHere = this.#options.writer() === source.ownServerId;
    // What is known of one server says nothing about another.
    this.#standing = standingAfter(isSame ? before : UNKNOWN, found, isWrittenHere);
    if (this.#standing.runs === false) {
      if (before.runs !== false && found.state === 'stopped') this.#tellStopped(found);
    } else if (before.runs === false) {
      this.#log.info({ text: AGAIN[found.state] }, 'replication runs again');
    }
  }

  #tellStopped({ stopped }: Extract<Replication, { readonly state: 'stopped' }>): void {
    for (const channel of stopped) {
      const { name, thread, errno } = channel;
      const text = `the source is a replica and ${wordsOf(channel)}: clients hear nothing new until it does`;
      this.#log.warn({ channel: name, thread, errno, text }, 'replication stopped');
    }
  }
}

/** By what ended the standstill. */
const AGAIN: Readonly<Record<Replication['state'], string>> = {
  runs: 'the source receives and applies again: clients hear what they missed',
  none: 'the source is no replica any more',
  stopped:
    'another server answers, or the source is written to itself: what stood still has no part in what clients hear',
  hidden: 'the source does not tell our account any more whether it replicates',
};
