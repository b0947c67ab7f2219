/** The demo's command line. */
import { Command, InvalidArgumentError, Option } from 'commander';

import type { Flavour } from '../test/support/database-server.ts';

export interface DemoOptions {
  readonly port: number;
  /** Null: whichever is installed, MariaDB first. */
  readonly flavour: Flavour | null;
  /** 0: nobody bids but visitors. */
  readonly bidders: number;
  readonly items: number;
  /** Ends by itself after this many seconds; null: runs until Ctrl-C. */
  readonly durationS: number | null;
}

/**
 * Reads the arguments (without `node demo/main.ts`). Prints help or what is wrong and ends the process where asked to,
 * as commander does.
 */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const command = new Command('demo')
    .description(
      'Live auctions in the browser: a private database server, simulated bidders, Gavelcast and a page.',
    )
    .option(
      '--port <port>',
      'port of the page; another one is taken where it is in use',
      whole(0, 65_535),
      8080,
    )
    .addOption(
      new Option('--flavour <name>', 'database server (default: what is installed)').choices([
        'mariadb',
        'mysql',
      ]),
    )
    .option('--bidders <count>', 'simulated bidders', whole(2, 100), 24)
    .option('--no-bidders', 'nobody bids but you')
    .option('--items <count>', 'auctions at a time', whole(1, 60), 12)
    .option('--duration <seconds>', 'end by itself', whole(1, 604_800))
    .parse(args, { from: 'user' });
  const options: {
    port: number;
    flavour?: Flavour;
    bidders: number | false;
    items: number;
    duration?: number;
  } = command.opts();
  return {
    port: options.port,
    flavour: options.flavour ?? null,
    bidders: options.bidders === false ? 0 : options.bidders,
    items: options.items,
    durationS: options.duration ?? null,
  };
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Say a whole number from ${min} to ${max}.`);
  };
}
