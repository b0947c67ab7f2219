/**
 * The real program with its sockets in worker processes, and clients spread over all of them.
 */
import { setTimeout as pause } from 'node:timers/promises';

import { WebSocket } from 'ws';

import { AuctionClient, mintToken } from './auction-client.ts';
import { freePort } from './free-port.ts';
import { startGavelcast, type GavelcastProcess, type SourceAddress } from './gavelcast-process.ts';
import { ReturningWatcher } from './returning-watcher.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

interface Picture {
  readonly workers: unknown;
  readonly followed: { readonly watchers: number } | null;
}

const STEP = { withinMs: 60_000 };
/** Rounds of connecting until every worker has some. */
const ROUNDS_MAX = 10;
const WATCHERS = 24;
const BID_EVERY_MS = 50;

const WORKERS = 2;
const ADMIN_TOKEN = 'an-admin-token-of-the-tests';

/** Whether a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export class WorkerServer {
  readonly #gavelcast: GavelcastProcess;
  readonly #adminUrl: string;

  private constructor(gavelcast: GavelcastProcess, adminUrl: string) {
    this.#gavelcast = gavelcast;
    this.#adminUrl = adminUrl;
  }

  static async start(
    source: SourceAddress,
    extra: Record<string, string> = {},
  ): Promise<WorkerServer> {
    const adminPort = String(await freePort());
    const env = {
      WORKERS: String(WORKERS),
      ADMIN_PORT: adminPort,
      ADMIN_TOKEN,
      ...extra,
    };
    // Three processes have to start.
    const gavelcast = await startGavelcast(source, env, { readyWithinMs: STEP.withinMs });
    return new WorkerServer(gavelcast, `http://127.0.0.1:${adminPort}`);
  }

  get url(): string {
    return this.#gavelcast.url;
  }

  get pid(): number {
    return this.#gavelcast.child.pid ?? 0;
  }

  output(): string {
    return this.#gavelcast.output();
  }

  /** @returns the exit code */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return this.#gavelcast.stop(signal);
  }

  /** Samples by name and labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${this.#adminUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith('gavelcast_'));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  /** What the admin page shows now, following an item. */
  async picture(itemId: number): Promise<Picture> {
    const response = await fetch(`${this.#adminUrl}/live?item=${String(itemId)}`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('\n\n')) text += (await reader?.read())?.value ?? '\n\n';
    await reader?.cancel();
    // What the program under test says: what is wrong with it, the assertions say.
    return JSON.parse(text.slice('data: '.length, text.indexOf('\n\n'))) as Picture;
  }

  /** Asks for a user's connections to be closed, as the admin page does. @returns how many there were */
  async disconnect(userId: number): Promise<number> {
    const response = await fetch(`${this.#adminUrl}/disconnect`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ userId }),
    });
    // An answer of the program under test: what is wrong with it, the assertions say.
    return ((await response.json()) as { connections: number }).connections;
  }

  /** Process ids of the workers that serve, as its log tells them: newest of each place. */
  workers(): ReadonlyMap<number, number> {
    const pids = new Map<number, number>();
    for (const line of this.output().split('\n')) {
      if (!line.includes('"msg":"worker serving"')) continue;
      const { worker, pid } = JSON.parse(line) as { worker: number; pid: number };
      pids.set(worker, pid);
    }
    return pids;
  }

  /** Clients of each place, by the metrics. */
  async spread(): Promise<readonly number[]> {
    const metrics = await this.metrics();
    return Array.from(
      { length: WORKERS },
      (_, at) => metrics.get(`gavelcast_worker_connections{worker="${String(at + 1)}"}`) ?? 0,
    );
  }

  /** Waits until all workers are others than these, and serve. */
  async replaced(old: ReadonlyMap<number, number>): Promise<void> {
    await until(
      async () => {
        const now = this.workers();
        const isNew = [...old].every(([place, pid]) => now.get(place) !== pid);
        return isNew && (await this.metrics()).get('gavelcast_workers') === WORKERS;
      },
      { ...STEP, what: () => this.output() },
    );
  }

  /** Has all workers replaced, and waits for the last old one to end. */
  async roll(): Promise<void> {
    const old = this.workers();
    process.kill(this.pid, 'SIGHUP');
    await this.replaced(old);
    await until(() => [...old.values()].every((pid) => !isAlive(pid)), {
      ...STEP,
      what: 'the old workers to end',
    });
  }

  /** Sends a signal to the primary. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  connect(userId: number, address: string): Promise<AuctionClient> {
    return AuctionClient.connect(this.url, { userId, v2: true, address });
  }

  /** HTTP status of an attempt to connect; 101 when it succeeds (it is then closed again). */
  statusOf(userId: number, address: string, token = mintToken(userId)): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${this.url}/?token=${token}`, ['gavelcast.v2'], {
        headers: { 'X-Forwarded-For': address },
      });
      socket.on('unexpected-response', (_, { statusCode = 0 }) => {
        resolve(statusCode);
        socket.terminate();
      });
      socket.on('close', () => {
        resolve(101);
      });
      socket.on('open', () => {
        socket.close();
      });
      socket.on('error', reject);
    });
  }
}

/** Connections of a few users, at least one of each on every worker. */
export class SpreadClients implements AsyncDisposable {
  readonly all: readonly AuctionClient[];
  readonly #byUser: ReadonlyMap<number, readonly AuctionClient[]>;

  private constructor(byUser: ReadonlyMap<number, readonly AuctionClient[]>) {
    this.#byUser = byUser;
    this.all = [...byUser.values()].flat();
  }

  /** No one else may be connected. */
  static async connect(server: WorkerServer, userIds: readonly number[]): Promise<SpreadClients> {
    const byUser = new Map<number, readonly AuctionClient[]>();
    let open = 0;
    for (const userId of userIds) {
      const clients = await connectToAll(server, userId, open);
      byUser.set(userId, clients);
      open += clients.length;
    }
    return new SpreadClients(byUser);
  }

  of(userId: number): readonly AuctionClient[] {
    return this.#byUser.get(userId) ?? [];
  }

  /** Waits until all of them are closed with this code. */
  async closed(code: number): Promise<void> {
    await until(() => this.all.every(({ closeCode }) => closeCode === code), {
      ...STEP,
      what: () => this.all.map(({ closeCode }) => String(closeCode)).join(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((client) => client.close()));
  }
}

async function connectToAll(
  server: WorkerServer,
  userId: number,
  open: number,
): Promise<AuctionClient[]> {
  const clients: AuctionClient[] = [];
  const settled = async (count: number): Promise<readonly number[]> =>
    until(
      async () => {
        const spread = await server.spread();
        return spread.reduce((sum, open) => sum + open, 0) === count ? spread : null;
      },
      { ...STEP, what: `${String(count)} connections to be reported` },
    );
  const before = await settled(open);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    for (let count = 0; count < 4; count += 1) {
      const client = await AuctionClient.connect(server.url, { userId, v2: true });
      await client.next('hello');
      clients.push(client);
    }
    const after = await settled(open + clients.length);
    if (after.every((each, at) => each > (before[at] ?? 0))) return clients;
  }
  throw new Error('the kernel gives all connections to one worker');
}

/** Watchers of one item that come back when they are cut, and bids on it. */
export class WatchedBids implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #itemId: number;
  readonly #bidders: readonly number[];
  readonly #watchers: readonly ReturningWatcher[];
  readonly #placed: number[] = [];

  private constructor(
    stage: Stage,
    { itemId, bidders, url }: { itemId: number; bidders: readonly number[]; url: string },
  ) {
    this.#stage = stage;
    this.#itemId = itemId;
    this.#bidders = bidders;
    this.#watchers = Array.from(
      { length: WATCHERS },
      (_, at) => new ReturningWatcher(url, { userId: 900_000 + at, itemId }),
    );
  }

  /** Resolves when all watch. */
  static async begin(stage: Stage, server: WorkerServer, itemId: number): Promise<WatchedBids> {
    const bidders = [
      await stage.portal.addUser({ name: 'Ada' }),
      await stage.portal.addUser({ name: 'Ben' }),
    ];
    const bids = new WatchedBids(stage, { itemId, bidders, url: server.url });
    for (const watcher of bids.#watchers) watcher.start();
    await bids.allBack();
    return bids;
  }

  get closeCodes(): readonly number[] {
    return this.#watchers.flatMap((watcher) => watcher.closeCodes);
  }

  get askedToWait(): number {
    return this.#watchers.flatMap((watcher) => watcher.askedToWaitMs).length;
  }

  async allBack(): Promise<void> {
    await until(() => this.#watchers.every(({ isSubscribed }) => isSubscribed), {
      ...STEP,
      what: 'all to be subscribed',
    });
  }

  /** Places bids, one after the other. */
  async more(count: number): Promise<void> {
    for (let bid = 0; bid < count; bid += 1) {
      const userId = this.#bidders[this.#placed.length % 2] ?? 0;
      const amount = `${String(20 + this.#placed.length)}.00`;
      const itemId = this.#itemId;
      this.#placed.push(
        await this.#stage.portal.placeBid({ itemId, userId, amount, style: 'transaction' }),
      );
      await pause(BID_EVERY_MS);
    }
  }

  /** Every watcher has been told each bid once, in the order of commits, and could recover each time. */
  async expectAllToldOnce(): Promise<void> {
    await this.allBack();
    const last = this.#placed.at(-1);
    for (const watcher of this.#watchers) {
      await until(() => watcher.bidIds.at(-1) === last, {
        ...STEP,
        what: () => `bid ${String(last)}; got ${watcher.bidIds.join()}`,
      });
      const told = watcher.bidIds.join();
      if (told !== this.#placed.join())
        throw new Error(`placed ${this.#placed.join()}, told ${told}`);
      if (watcher.notRecovered > 0) throw new Error('a watcher could not recover');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers) watcher.stop();
    await Promise.resolve();
  }
}
