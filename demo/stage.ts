/**
 * Everything the demo runs, built step by step and torn down in reverse: a private database server, the portal in it,
 * Gavelcast in this process, bidders and the cron job.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApplication } from '../src/commands/application.ts';
import { readFeedOptions } from '../src/commands/feed-options.ts';
import { loadConfig } from '../src/config.ts';
import type { Log } from '../src/ports.ts';
import { programOnPath, type Flavour } from '../test/support/database-installation.ts';
import {
  createSourceAccount,
  startDatabase,
  type DatabaseServer,
} from '../test/support/database-server.ts';
import { createPortalTables } from '../test/support/portal-schema.ts';
import { Portal } from '../test/support/portal.ts';
import { AuctionHouse } from './auction-house.ts';
import { Bidders } from './bidders.ts';
import { BiddingDesk } from './bidding-desk.ts';
import { BIDDERS } from './catalogue.ts';
import type { DemoOptions } from './demo-options.ts';
import { FeedStreams } from './feed-streams.ts';
import { choosePort, HOST } from './open-port.ts';
import { loadPageFiles } from './page-files.ts';
import type { Person } from './page/listing.ts';
import { createRoutes } from './routes.ts';
import { Visitors } from './visitors.ts';

const DATABASE = 'portal';
const CRON_MS = 2000;
const DESKS_MAX = 4;
const NAMES = { mariadb: 'MariaDB', mysql: 'MySQL' } as const;

export interface StageDeps {
  readonly log: Log;
  /** Tells the person in front of the terminal; resolves with what `work` does. */
  readonly step: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** Aborted when the demo is to end: no further step is begun. */
  readonly signal: AbortSignal;
}

export interface Stage {
  readonly url: string;
  readonly port: number;
}

/**
 * Builds it all. What was built is torn down by `stack`, also when a later step fails.
 *
 * @throws Error what the failed step says; the signal's reason when the demo is to end
 */
export async function buildStage(
  options: DemoOptions,
  stack: AsyncDisposableStack,
  deps: StageDeps,
): Promise<Stage> {
  const { signal, step } = deps;
  const flavour = options.flavour ?? installedFlavour();
  const database = await step(`Starting a private ${NAMES[flavour]} server`, async () => {
    useOwnDirectory(stack);
    const server = await startDatabase(flavour);
    stack.defer(() => server.stop());
    return server;
  });
  signal.throwIfAborted();
  const jwtSecret = randomBytes(32).toString('hex');
  const what = `Opening ${options.items} auctions for ${options.bidders} bidders`;
  const house = await step(what, () => openHouse({ options, database, stack, jwtSecret, deps }));
  signal.throwIfAborted();
  return step('Starting Gavelcast', () =>
    startServer({ options, database, stack, jwtSecret, deps, house }),
  );
}

interface Building {
  readonly options: DemoOptions;
  readonly database: DatabaseServer;
  readonly stack: AsyncDisposableStack;
  readonly jwtSecret: string;
  readonly deps: StageDeps;
}

interface House {
  readonly house: AuctionHouse;
  readonly visitors: Visitors;
  readonly streams: FeedStreams;
  readonly bidders: Bidders;
}

/** The portal with its people and its first auctions; nobody bids yet. */
async function openHouse({ options, database, stack, jwtSecret, deps }: Building): Promise<House> {
  const connect = async (): Promise<Awaited<ReturnType<DatabaseServer['connect']>>> => {
    const connection = await database.connect({ database: DATABASE });
    stack.defer(() => {
      connection.destroy();
    });
    return connection;
  };
  const admin = await database.connect();
  await admin.query('CREATE DATABASE ?? CHARACTER SET utf8mb4', [DATABASE]);
  await admin.end();
  const connection = await connect();
  await createPortalTables(connection, 'A');
  const portal = new Portal(connection, 'A');
  const streams = new FeedStreams();
  const visitors = new Visitors(portal, jwtSecret);
  const people: Person[] = [];
  for (let index = 0; index < options.bidders; index += 1) {
    const round = Math.floor(index / BIDDERS.length);
    const name = `${BIDDERS[index % BIDDERS.length] ?? 'Bidder'}${round === 0 ? '' : ` ${round + 1}`}`;
    people.push({ id: await portal.addUser({ name }), name });
  }
  const house = new AuctionHouse(portal, {
    onListing: (listing) => {
      streams.listed(listing);
    },
    onCommit: (bidId, commitSentAtMs) => {
      streams.committed(bidId, commitSentAtMs);
    },
    onBid: (auction, bidder) => {
      if (visitors.has(bidder.id)) bidders.answer(auction);
    },
  });
  const desks: BiddingDesk[] = [];
  while (desks.length < Math.min(DESKS_MAX, people.length))
    desks.push(new BiddingDesk(await connect()));
  const bidders = new Bidders({
    house,
    people,
    desks,
    onFailure: report(deps.log, 'bidder failed'),
  });
  const desk = desks[0] ?? new BiddingDesk(await connect());
  await house.openFirst({ count: options.items, bidders: people, desk });
  return { house, visitors, streams, bidders };
}

/** Gavelcast itself, as `serve` starts it, with the demo's routes; then the bidders and the cron job. */
async function startServer(building: Building & { readonly house: House }): Promise<Stage> {
  const { options, database, stack, jwtSecret, deps } = building;
  const { house, visitors, streams, bidders } = building.house;
  const port = await choosePort(options.port);
  const account = await createSourceAccount(database, DATABASE);
  const config = loadConfig(
    {
      DB_HOST: database.host,
      DB_PORT: String(database.port),
      DB_NAME: DATABASE,
      DB_USER: account.user,
      DB_PASSWORD: account.password,
      JWT_SECRET: jwtSecret,
      WS_HOST: HOST,
      WS_PORT: String(port),
    },
    ['source', 'tokens', 'server'],
  );
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const feed = readFeedOptions(config.config.source, process.cwd());
  if (!feed.ok) throw new Error(JSON.stringify(feed.problems));
  const visitorConnection = await database.connect({ database: DATABASE });
  const staticRoutes = createRoutes({
    files: loadPageFiles(),
    house,
    visitors,
    streams,
    desk: new BiddingDesk(visitorConnection),
    database: `${NAMES[database.flavour]} ${database.version.replace('-MariaDB', '')}`,
    onFailure: report(deps.log, 'request failed'),
  });
  const application = createApplication(
    { config: config.config, feed: feed.options, staticRoutes },
    { log: deps.log, now: Date.now },
  );
  stack.defer(() => {
    visitorConnection.destroy();
  });
  stack.defer(async () => {
    streams.close();
    await application.stop();
  });
  await application.listen();
  await application.tail();
  stack.defer(startCron(house, report(deps.log, 'cron failed')));
  stack.defer(() => bidders.stop());
  bidders.start();
  return { url: `http://localhost:${port}/`, port };
}

/** A temporary directory of the demo's own for all that is written; gone with the process, however that ends. */
function useOwnDirectory(stack: AsyncDisposableStack): void {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-demo-'));
  const remove = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  process.env['TMPDIR'] = directory;
  process.on('exit', remove);
  stack.defer(remove);
}

/** The server program on this machine; MariaDB, which is then installed or asked for, where there is none. */
function installedFlavour(): Flavour {
  const hasMariadb = programOnPath('mariadbd') !== null;
  return !hasMariadb && programOnPath('mysqld') !== null ? 'mysql' : 'mariadb';
}

/** Closes due auctions every few seconds, one run after the other. @returns stops it */
function startCron(house: AuctionHouse, onFailure: (error: unknown) => void): () => Promise<void> {
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => house.completeDue()).catch(onFailure);
  }, CRON_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function report(log: Log, event: string): (error: unknown) => void {
  return (error) => {
    log.error({ err: error }, event);
  };
}
