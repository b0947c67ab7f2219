/**
 * The soak: hundreds of users with the shipped SDK over two nodes, one beside a primary and one beside its replica, while
 * links are cut, nodes are killed, the replica lags and the database is restarted. In the end everybody's list is
 * compared with the tables.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import type { DatabaseServer, Flavour } from '../support/database-server.ts';
import { setApplying, startReplica } from '../support/replica.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { ClientPool } from './client-pool.ts';
import type { Report } from './client-report.ts';
import { sum, type Verdict } from './course-judge.ts';
import type { Courses } from './courses.ts';
import { Node } from './node.ts';
import { PortalLoad } from './portal-load.ts';

export interface SoakOptions {
  readonly flavour: Flavour;
  readonly clients: number;
  /** Time under load, without setting up and settling. */
  readonly seconds: number;
  /** Between two kills. */
  readonly killEverySeconds: number;
  /** On average, between two cuts of one link. */
  readonly cutEverySeconds: number;
  readonly requestsPerSecond: number;
  readonly print: (line: string) => void;
}

export interface SoakResult {
  readonly flavour: Flavour;
  readonly version: string;
  readonly clients: number;
  readonly seconds: number;
  /** Changes committed to watched items. */
  readonly committed: number;
  readonly events: number;
  readonly cuts: number;
  readonly kills: number;
  readonly databaseRestarts: number;
  /** Times that the replica was kept behind. */
  readonly holds: number;
  readonly returns: number;
  readonly recovered: number;
  readonly fallbacks: number;
  readonly lost: number;
  readonly repeated: number;
  readonly invented: number;
  readonly wrongStates: number;
  readonly recoveryMsP50: number;
  readonly recoveryMsP99: number;
  readonly items: Verdict;
  readonly byName: Verdict;
  readonly losses: Readonly<Record<string, number>>;
  /** What happened when, and what the nodes said of it: to explain each fallback by. */
  readonly timeline: readonly string[];
  /** Clients and items that are wrong in the end, the first few. */
  readonly explanations: readonly string[];
}

const ITEMS_A_CLIENT = 4;
const DURABLE = { sync_binlog: '1', innodb_flush_log_at_trx_commit: '1' };
const TICK_MS = 250;
const PROGRESS_EVERY_MS = 5_000;
/** How long the replica applies nothing at a time; it begins shortly before the primary's node is killed. */
const HOLD_MS = 5_000;
const SETTLE_WITHIN_MS = 120_000;
/** Share of new connections that go to a node without asking whether it is up. */
const BLIND = 0.1;
/** Log lines of a node that a fallback could be explained by. */
const TELLING = /"msg":"(history [a-z]+|position lost|source retry|checkpoint [a-z]+|feed halted)"/;

/** Runs it from the first server to the last verdict. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const soak = new Soak(options);
  try {
    await soak.set();
    await soak.storm();
    return await soak.judge();
  } finally {
    await soak.strike();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #timeline: string[] = [];
  /** Kills and restarts under way. */
  readonly #mending = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #startedAtMs = performance.now();
  #cuts = 0;
  #databaseRestarts = 0;
  #holds = 0;
  #parts: Parts | null = null;
  /** Resolves when the primary is back. */
  #restarted: Promise<void> = Promise.resolve();

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async set(): Promise<void> {
    const { flavour, clients: count, seconds, requestsPerSecond } = this.#options;
    const stage = this.#own(await setStage(flavour, { variables: DURABLE }));
    const replica = this.#own(await startReplica(stage.server, DURABLE));
    const sellerId = await stage.portal.addUser({ name: 'Sally', role: 'seller' });
    const userIds = await addUsers(stage, count);
    const load = await PortalLoad.create({
      ...{ pool: stage.pool, portal: stage.portal, bidderIds: userIds, sellerId },
      requestsPerSecond,
      endings: Math.ceil((seconds * requestsPerSecond) / 25),
    });
    await untilReplicated(stage, replica);
    const beside = { ...stage.source, port: replica.port };
    const nodes = await Promise.all([
      Node.start('primary', stage.source),
      Node.start('replica', beside),
    ]);
    for (const node of nodes) this.#own(node);
    const proxy = await TcpProxy.listen(nodes[0].port);
    this.#ends.push(() => proxy.close());
    proxy.aim(() => portOfOne(nodes));
    const clients = userIds.map((userId, at) => ({
      userId,
      itemIds: Array.from(
        { length: ITEMS_A_CLIENT },
        (_, item) => load.itemIds[(at * 7 + item * 5) % load.itemIds.length] ?? 0,
      ),
    }));
    const pool = this.#own(
      new ClientPool({ url: `ws://127.0.0.1:${proxy.port.toString()}`, clients }),
    );
    const [primaryNode, replicaNode] = nodes;
    this.#parts = { stage, replica, load, nodes: [primaryNode, replicaNode], proxy, pool };
    await this.#untilLive(pool);
    this.#print(`${count} clients connected to two nodes beside ${stage.server.version}`);
  }

  /** Cuts, kills, restarts and a replica that lags, under load. */
  async storm(): Promise<void> {
    const { stage, replica, load, nodes, proxy } = this.#live;
    const { seconds, killEverySeconds, cutEverySeconds } = this.#options;
    load.start();
    this.#startedAtMs = performance.now();
    const restarts: ('graceful' | 'crash')[] = ['graceful', 'crash'];
    let printedAtMs = 0;
    let turn = 0;
    for (let ms = 0; ms < seconds * 1000; ms = performance.now() - this.#startedAtMs) {
      const chance = TICK_MS / 1000 / cutEverySeconds;
      this.#cuts += proxy.cutSome(() => Math.random() < chance);
      if (ms >= (turn + 1) * killEverySeconds * 1000) {
        const node = nodes[turn % 2 === 0 ? 0 : 1];
        turn += 1;
        if (node.isUp) this.#mend(`node ${node.name} killed`, () => node.kill());
      }
      if (ms >= (2 * this.#holds + 0.8) * killEverySeconds * 1000) {
        this.#holds += 1;
        this.#mend('replica kept behind', () => hold(replica));
      }
      const [next] = restarts;
      if (next !== undefined && ms >= (seconds * 1000 * (3 - restarts.length)) / 3) {
        restarts.shift();
        this.#databaseRestarts += 1;
        // One after the other, however long a busy machine takes.
        this.#restarted = this.#restarted.then(() => stage.server.restart(next));
        this.#mend(`primary restarted (${next})`, () => this.#restarted);
      }
      if (ms - printedAtMs >= PROGRESS_EVERY_MS) {
        printedAtMs = ms;
        await this.#progress();
      }
      await pause(TICK_MS);
    }
  }

  async judge(): Promise<SoakResult> {
    const { load, nodes, pool, stage, replica } = this.#live;
    await Promise.all(this.#mending);
    if (this.#failures.length > 0) throw this.#failures[0];
    await load.stop();
    const courses = await load.courses();
    await untilReplicated(stage, replica);
    await Promise.all(nodes.map((node) => node.untilReady()));
    await this.#untilLive(pool);
    const report = await this.#untilSettled(courses);
    const { flavour, clients, seconds } = this.#options;
    const both = sum(report.items, report.byName);
    const recoveryMs = report.recoveryMs.toSorted((a, b) => a - b);
    this.#explain();
    return {
      ...{ flavour, version: stage.server.version, clients, seconds },
      committed: load.committed,
      events: report.events,
      cuts: this.#cuts,
      kills: nodes.reduce((total, { kills }) => total + kills, 0),
      databaseRestarts: this.#databaseRestarts,
      holds: this.#holds,
      returns: report.returns,
      recovered: report.returns - report.fallbacks,
      fallbacks: report.fallbacks,
      ...{ lost: both.lost, repeated: both.repeated, invented: both.invented },
      wrongStates: report.wrongStates,
      recoveryMsP50: quantile(recoveryMs, 0.5),
      recoveryMsP99: quantile(recoveryMs, 0.99),
      ...{ items: report.items, byName: report.byName, losses: report.losses },
      ...{ timeline: this.#timeline, explanations: report.explanations },
    };
  }

  async strike(): Promise<void> {
    await this.#parts?.load.stop();
    await Promise.allSettled(this.#mending);
    for (const end of this.#ends.toReversed()) await end();
  }

  get #live(): Parts {
    if (this.#parts === null) throw new Error('the soak is not set');
    return this.#parts;
  }

  #own<T extends { stop(): Promise<void> }>(part: T): T {
    this.#ends.push(() => part.stop());
    return part;
  }

  #mend(what: string, work: () => Promise<void>): void {
    this.#note(what);
    const mending = work().then(
      () => {
        this.#note(`${what}: back`);
      },
      (error: unknown) => {
        this.#failures.push(error);
      },
    );
    this.#mending.add(mending);
    void mending.then(() => this.#mending.delete(mending));
  }

  async #progress(): Promise<void> {
    const { load, nodes, pool } = this.#live;
    const { live, clients, events, returns, fallbacks } = await pool.report();
    const kills = nodes.reduce((total, node) => total + node.kills, 0);
    this.#print(
      `${live}/${clients} live, ${load.committed} committed, ${events} events told, ` +
        `${this.#cuts} cuts, ${kills} kills, ${returns} returns, ${fallbacks} with a fresh state`,
    );
  }

  async #untilLive(pool: ClientPool): Promise<void> {
    const isLive = async (): Promise<boolean> => {
      const { live, clients } = await pool.report();
      return live === clients;
    };
    const what = 'every client to be connected';
    await until(isLive, { withinMs: SETTLE_WITHIN_MS, everyMs: 250, what });
  }

  /** The last report: complete, or what it is when nothing more comes. */
  async #untilSettled(courses: Courses): Promise<Report> {
    const { pool } = this.#live;
    let report = await pool.report(courses);
    const isComplete = async (): Promise<boolean> => {
      report = await pool.report(courses);
      const { items, byName, wrongStates } = report;
      return items.lost + byName.lost + wrongStates === 0;
    };
    await until(isComplete, { withinMs: SETTLE_WITHIN_MS / 4, everyMs: 500 }).catch(() => null);
    return report;
  }

  #explain(): void {
    for (const node of this.#live.nodes) {
      const lines = node.output.split('\n').filter((line) => TELLING.test(line));
      this.#timeline.push(...lines.map((line) => `node ${node.name}: ${line}`));
    }
  }

  #note(what: string): void {
    const time = new Date().toISOString().slice(11, -1);
    this.#timeline.push(`${time} ${this.#elapsed}: ${what}`);
    this.#print(what);
  }

  #print(text: string): void {
    this.#options.print(`${this.#options.flavour} ${this.#elapsed}: ${text}`);
  }

  get #elapsed(): string {
    return `${((performance.now() - this.#startedAtMs) / 1000).toFixed(1)} s`;
  }
}

interface Parts {
  readonly stage: Stage;
  readonly replica: DatabaseServer;
  readonly load: PortalLoad;
  readonly nodes: readonly [Node, Node];
  readonly proxy: TcpProxy;
  readonly pool: ClientPool;
}

/** What is committed meanwhile reaches its node late: clients that come there from the other one are ahead of it. */
async function hold(replica: DatabaseServer): Promise<void> {
  await setApplying(replica, false);
  await pause(HOLD_MS);
  await setApplying(replica, true);
}

async function addUsers({ portal }: Stage, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, (_, at) => portal.addUser({ name: `Bidder ${at.toString()}` })),
  );
}

/** Where the next client goes: as a load balancer chooses, and now and then without looking. */
function portOfOne(nodes: readonly Node[]): number {
  const up = nodes.filter(({ isUp }) => isUp);
  const from = Math.random() < BLIND || up.length === 0 ? nodes : up;
  return from[Math.floor(Math.random() * from.length)]?.port ?? 0;
}

async function untilReplicated({ server, source }: Stage, replica: DatabaseServer): Promise<void> {
  const sums = async (of: DatabaseServer): Promise<string> => {
    const connection = await of.connect();
    try {
      const [rows] = await connection.query(
        `SELECT COUNT(*), SUM(current_price), SUM(status = 'active'), SUM(UNIX_TIMESTAMP(end_time)),
           (SELECT COUNT(*) FROM ${source.database}.bids) FROM ${source.database}.items`,
      );
      return JSON.stringify(rows);
    } finally {
      await connection.end();
    }
  };
  const expected = await sums(server);
  await until(async () => (await sums(replica).catch(() => '')) === expected, {
    withinMs: SETTLE_WITHIN_MS,
    everyMs: 100,
    what: 'the replica to have everything',
  });
}

/** Milliseconds; 0 where nothing was measured. */
function quantile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
