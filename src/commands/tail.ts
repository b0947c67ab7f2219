/**
 * `gavelcast tail`: the feed without the server. Prints what clients would get.
 */
import { createFeed } from '../../cdc/feed.ts';
import type { Config } from '../config.ts';
import type { EventBatch, Publisher } from '../ports.ts';
import { encodeEvent } from '../protocol/event-message.ts';
import { describeSource } from './describe-source.ts';
import { EXIT } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { LateZone } from './late-zone.ts';
import { messageLine } from './message-line.ts';
import { readSource } from './source-reading.ts';

export interface TailOptions extends CommonOptions {
  readonly json?: boolean;
  /** Item ids as text; none: all. */
  readonly item?: readonly string[];
}

/** Prints events until a signal or a closed pipe ends it. stdout has events alone; everything else is on stderr. */
export async function tail(options: TailOptions, context: CommandContext): Promise<number> {
  return readSource(options, context, async (reading) => {
    const { config, log, interruption } = reading;
    const zone = new LateZone(config.source.timeZone);
    const feed = createFeed(reading.feed, { log, now: context.now });
    const publisher = createPrinter({ options, context, config, zone });
    try {
      const source = await Promise.race([feed.start(publisher), interruption.happened]);
      if (typeof source === 'string') return EXIT.ok;
      zone.learn(source.zone);
      context.stderr.write(`gavelcast: tailing ${describeSource(source, config)}\n`);
      await interruption.happened;
      return EXIT.ok;
    } finally {
      await feed.stop();
    }
  });
}

/** A publisher that writes each event as a line. */
function createPrinter(parts: {
  readonly options: TailOptions;
  readonly context: Pick<CommandContext, 'stdout' | 'stderr' | 'now'>;
  readonly config: Pick<Config, 'messages'>;
  readonly zone: LateZone;
}): Publisher {
  const { options, context, config, zone } = parts;
  const wanted = options.item === undefined ? null : new Set(options.item);
  const colour = context.stdout.isTTY === true;
  return {
    publish: (batch: EventBatch) => {
      const nowMs = context.now();
      const encoding = {
        nameOf: batch.nameOf,
        bidderNames: config.messages.bidderNames,
        legacyTimesZone: config.messages.legacyTimes ? zone : null,
        serverTimeMs: nowMs,
      };
      for (const event of batch.events) {
        const wire = encodeEvent(event, encoding);
        if (wire === null || wanted?.has(wire.itemId) === false) continue;
        const line =
          options.json === true ? wire.json : messageLine(wire.json, { atMs: nowMs, colour });
        context.stdout.write(`${line}\n`);
      }
    },
    sourceReset: (reason) => {
      context.stderr.write(`gavelcast: events may be missing here: ${reason}\n`);
    },
  };
}
