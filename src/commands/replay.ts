/**
 * `gavelcast replay`: who was told what, and when, in a window of the past, told from the binlogs as it was told then.
 */
import { tellPast } from '../../cdc/past-events.ts';
import type { PastOutcome, PastWindow } from '../../cdc/past-events.ts';
import type { SourceInfo } from '../../cdc/source/source-info.ts';
import { userIdOf } from '../auction/ids.ts';
import { epochMsToWallClock } from '../auction/zone.ts';
import type { Config } from '../config.ts';
import type { EventBatch } from '../ports.ts';
import { encodeEvent, type WireEvent } from '../protocol/event-message.ts';
import { idJson, isoJson, jsonObject, textJson } from '../protocol/wire-json.ts';
import { EXIT } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { describeSource } from './describe-source.ts';
import { LateZone } from './late-zone.ts';
import { ReadingProgress } from './reading-progress.ts';
import { readSource } from './source-reading.ts';
import { instantOf, type TimeArgument } from './time-argument.ts';

export interface ReplayOptions extends CommonOptions {
  readonly since: TimeArgument;
  /** Default: now. */
  readonly until?: TimeArgument;
  /** Item ids as text; none: all. */
  readonly item?: readonly string[];
  /** Only what went to this user by name. */
  readonly user?: number;
}

/** Row changes held in memory at most, if `HISTORY_REFILL_CHANGES` is not more: some 500 MB. */
const CHANGES_MAX = 1_000_000;

/** Prints the window's events, a JSON object a line. stdout has nothing else; what there is to say is on stderr. */
export async function replay(options: ReplayOptions, context: CommandContext): Promise<number> {
  return readSource(options, context, async ({ config, feed, log, interruption }) => {
    const telling = new Telling(options, config, context);
    const progress = new ReadingProgress(context);
    const past = {
      feed,
      window: (source: SourceInfo, nowMs: number) => telling.windowOf(source, nowMs),
      itemIds: options.item ?? null,
      changesMax: Math.max(CHANGES_MAX, config.history.refillChanges),
    };
    try {
      const outcome = await tellPast(past, {
        log,
        now: context.now,
        signal: interruption.signal,
        onReading: (look) => {
          progress.start(look);
        },
        onRead: () => {
          progress.stop();
        },
        tell: (batch, transaction) => {
          telling.tell(batch, transaction);
        },
      });
      return telling.verdict(outcome);
    } finally {
      progress.stop();
    }
  });
}

/** From the source's answer on: the window in its terms, its events as lines, and how it ended. */
class Telling {
  readonly #options: ReplayOptions;
  readonly #config: Config;
  readonly #context: CommandContext;
  readonly #zone: LateZone;
  readonly #items: ReadonlySet<string> | null;
  #lines = 0;

  constructor(options: ReplayOptions, config: Config, context: CommandContext) {
    this.#options = options;
    this.#config = config;
    this.#context = context;
    this.#zone = new LateZone(config.source.timeZone);
    this.#items = options.item === undefined ? null : new Set(options.item);
  }

  /** Null, and a reason on stderr, where the two times make no window. */
  windowOf(source: SourceInfo, nowMs: number): PastWindow | null {
    const { since, until } = this.#options;
    this.#zone.learn(source.zone);
    const { zone } = source;
    // Commit times are whole seconds: what was committed within the first one is of the window.
    const sinceMs = Math.floor(instantOf(since, { zone, nowMs }) / 1000) * 1000;
    const untilMs = until === undefined ? nowMs : instantOf(until, { zone, nowMs });
    if (sinceMs > nowMs) return this.#refuse('--since lies in the future', sinceMs);
    if (untilMs <= sinceMs) return this.#refuse('--until must be later than --since', untilMs);
    const where = describeSource(source, this.#config);
    this.#say(`replaying ${this.#time(sinceMs)} to ${this.#time(untilMs)} from ${where}`);
    return { sinceMs, untilMs };
  }

  tell(
    { events, nameOf }: EventBatch,
    transaction: { readonly id: string; readonly committedAtMs: number },
  ): void {
    const { bidderNames, legacyTimes } = this.#config.messages;
    const legacyTimesZone = legacyTimes ? this.#zone : null;
    const encoding = { nameOf, bidderNames, legacyTimesZone, serverTimeMs: this.#context.now() };
    for (const event of events) {
      const wire = encodeEvent(event, encoding);
      if (wire === null || wire.ephemeral || !this.#isWanted(wire)) continue;
      this.#lines += 1;
      this.#context.stdout.write(`${line(wire, transaction)}\n`);
    }
  }

  /** Says how it ended. @returns the exit code */
  verdict(end: PastOutcome): number {
    switch (end.outcome) {
      case 'told':
        this.#say(`${this.#lines.toString()} ${this.#lines === 1 ? 'event' : 'events'}`);
        return EXIT.ok;
      case 'interrupted':
        return EXIT.ok;
      case 'given up':
        return EXIT.usage;
      case 'unknown items':
        this.#say(`no such item in the tables: ${end.itemIds.join(', ')}`);
        return EXIT.no;
      case 'not covered': {
        const { fromMs, why } = end;
        const from = fromMs === null ? 'the binlogs hold nothing' : `from ${this.#time(fromMs)} on`;
        this.#say(`this window can only be told ${from}: ${why}`);
        return EXIT.no;
      }
    }
  }

  #isWanted({ itemId, audience }: WireEvent): boolean {
    const { user } = this.#options;
    if (this.#items?.has(itemId) === false) return false;
    return user === undefined || audience.userIds.includes(userIdOf(user));
  }

  #refuse(why: string, atMs: number): null {
    this.#say(`${why} (${this.#time(atMs)})`);
    return null;
  }

  /** `2026-02-01T10:30:00.000Z (11:30:00 Europe/Berlin)` */
  #time(atMs: number): string {
    const iso = new Date(atMs).toISOString();
    const zone = this.#zone.name;
    return zone === 'UTC' ? iso : `${iso} (${epochMsToWallClock(atMs, this.#zone)} ${zone})`;
  }

  #say(text: string): void {
    this.#context.stderr.write(`gavelcast: ${text}\n`);
  }
}

/** When, by which transaction, to whom, and the very text that went out. */
function line(
  { audience, v2Only, json }: WireEvent,
  transaction: { readonly id: string; readonly committedAtMs: number },
): string {
  return jsonObject([
    ['committedAt', isoJson(transaction.committedAtMs)],
    ['transaction', textJson(transaction.id)],
    [
      'to',
      jsonObject([
        ['watchersOf', idJson(audience.itemId)],
        ['userIds', `[${audience.userIds.map(idJson).join(',')}]`],
      ]),
    ],
    ['v2Only', String(v2Only)],
    ['event', json],
  ]);
}
