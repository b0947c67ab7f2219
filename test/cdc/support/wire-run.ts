/**
 * A feed whose events are kept as clients would get them, replayed ones and live ones apart.
 */
import { createFeed } from '../../../cdc/feed.ts';
import type { Feed, FeedOptions } from '../../../cdc/feed.ts';
import type { SourceInfo } from '../../../cdc/source/source-info.ts';
import type { EventBatch } from '../../../src/ports.ts';
import { encodeEvent } from '../../../src/protocol/event-message.ts';
import { until } from '../../support/until.ts';
import { bookOf, memoryLog } from './feed-lab.ts';
import type { FeedLab, LogLine } from './feed-lab.ts';

export class WireRun {
  readonly feed: Feed;
  readonly started: Promise<SourceInfo>;
  readonly log: LogLine[] = [];
  readonly replayed: string[] = [];
  readonly live: string[] = [];
  readonly resets: string[] = [];
  readonly #now: () => number;

  constructor(options: FeedOptions, now: () => number = Date.now) {
    this.#now = now;
    this.feed = createFeed(options, { log: memoryLog(this.log), now: this.#now });
    this.started = this.feed.start({
      publish: (batch) => {
        this.#keep(batch);
      },
      sourceReset: (reason) => this.resets.push(reason),
    });
    this.started.catch(() => undefined);
  }

  /** Everything, in order. */
  get wires(): string[] {
    return [...this.replayed, ...this.live];
  }

  /** Fields, and the level, of the log's lines of one name. */
  lines(event: string): Record<string, unknown>[] {
    return this.log
      .filter((line) => line.event === event)
      .map(({ level, fields }) => ({ level, ...fields }));
  }

  /** Waits until the book equals the tables and nothing more comes. */
  async untilCaughtUp(lab: FeedLab): Promise<void> {
    const marker = await lab.portal.addItem({
      title: 'marker',
      startingPrice: '1.00',
      endTime: Date.now() + 3_600_000,
      sellerId: 1,
    });
    await until(() => this.live.some((wire) => wire.includes(`"itemId":${marker.toString()},`)), {
      withinMs: 30_000,
      what: () => `the marker among ${this.live.length.toString()} events`,
    });
    const truth = await lab.truth();
    await until(() => bookOf(this.feed).size === truth.size, { what: 'the book to be whole' });
  }

  async untilSeen(wire: string | undefined): Promise<void> {
    if (wire === undefined) throw new Error('nothing to wait for');
    await until(() => this.live.includes(wire), { withinMs: 30_000, what: wire });
  }

  stop(): Promise<void> {
    return this.feed.stop();
  }

  #keep({ events, nameOf, replay = false }: EventBatch): void {
    const context = {
      nameOf,
      bidderNames: 'full',
      legacyTimesZone: null,
      serverTimeMs: 0,
    } as const;
    for (const event of events) {
      if (event.type === 'EndingAnnounced') continue;
      const json = encodeEvent(event, context)?.json ?? JSON.stringify(event);
      (replay ? this.replayed : this.live).push(json);
    }
  }
}
