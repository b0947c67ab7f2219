/**
 * One scenario's stage: a private database server with a portal, a network in front of it, the real `gavelcast serve`
 * behind that network, writers and subscribers. And what follows a scenario: the verdict and a line of the table.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool, type Connection, type Pool, type RowDataPacket } from 'mysql2/promise';
import { expect } from 'vitest';
import type { DatabaseServer, Flavour } from '../support/database-server.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { judge, type Verdict } from './judge.ts';
import type { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { Subscriber } from './subscriber.ts';
import { TcpProxy } from './tcp-proxy.ts';

const HEARTBEAT_MS = 500;
const HOUR_MS = 3_600_000;
const CATCH_UP_MS = 60_000;
/** A start under load reads the last minutes again; on a busy machine that takes its time. */
const STARTED_WITHIN_MS = 180_000;
/** Commits before a fault and after its cure, so that it happens under load. */
const WARM_UP = 60;

export interface Scenario {
  readonly name: string;
  readonly flavour: Flavour;
  readonly variables?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** How long everything may take to be told once the fault is over, milliseconds; default 60,000. */
  readonly catchUpMs?: number;
  /** What has to come out. `delivered`: everything as events; `reset`: 4004 and a fresh state; `halt`: stopped by name. */
  readonly expects: 'delivered' | 'reset' | { readonly halt: string };
}

/** One line of the table. */
export interface Outcome extends Omit<Verdict, 'faults'> {
  readonly scenario: string;
  readonly flavour: Flavour;
  readonly version: string;
  readonly outcome: string;
  readonly committed: number;
  /** From the cure to everything committed until then delivered; null where it stopped on purpose. */
  readonly recoveryMs: number | null;
  /** The scenario as a whole, with starting and stopping its servers. */
  readonly elapsedMs: number;
}

export class Rig {
  readonly flavour: Flavour;
  readonly stage: Stage;
  readonly proxy: TcpProxy;
  readonly load: Load;
  readonly subscribers: readonly Subscriber[];
  readonly #scenario: Scenario;
  readonly #env: Readonly<Record<string, string>>;
  #gavelcast: GavelcastProcess;
  /** Ledgers of epochs that ended with committed data lost at the source. */
  readonly #past: Ledger[] = [];
  readonly #opened: { end(): Promise<void> }[] = [];
  #admin: Connection;
  #curedAt: { readonly atMs: number; readonly mark: ReadonlyMap<number, number> } | null = null;
  recoveryMs: number | null = null;

  private constructor(parts: {
    readonly scenario: Scenario;
    readonly env: Readonly<Record<string, string>>;
    readonly stage: Stage;
    readonly proxy: TcpProxy;
    readonly gavelcast: GavelcastProcess;
    readonly load: Load;
    readonly subscribers: readonly Subscriber[];
    readonly admin: Connection;
  }) {
    this.flavour = parts.stage.server.flavour;
    this.#scenario = parts.scenario;
    this.#env = parts.env;
    this.stage = parts.stage;
    this.proxy = parts.proxy;
    this.#gavelcast = parts.gavelcast;
    this.load = parts.load;
    this.subscribers = parts.subscribers;
    this.#admin = parts.admin;
  }

  static async set(scenario: Scenario): Promise<Rig> {
    const { flavour, variables } = scenario;
    const stage = await setStage(flavour, variables === undefined ? {} : { variables });
    const { portal, pool, source } = stage;
    const seller = await portal.addUser({ name: 'Sally', role: 'seller' });
    const load = await Load.create(pool, {
      user: () => portal.addUser({ name: 'Bob' }),
      item: () =>
        portal.addItem({
          title: 'A clock',
          startingPrice: '10.00',
          endTime: Date.now() + HOUR_MS,
          sellerId: seller,
        }),
    });
    const proxy = await TcpProxy.listen(stage.server.port);
    const state = mkdtempSync(join(tmpdir(), 'gavelcast-faults-'));
    const env = {
      SOURCE_HEARTBEAT_MS: String(HEARTBEAT_MS),
      STATE_DIR: state,
      ...scenario.env,
    };
    const gavelcast = await startGavelcast({ ...source, port: proxy.port }, env);
    const { itemIds } = load.ledger;
    const subscribers = [900_001, 900_002].map(
      (userId) => new Subscriber(gavelcast.url, { userId, itemIds }),
    );
    for (const subscriber of subscribers) await subscriber.start();
    const admin = await stage.server.connect({ database: source.database });
    admin.on('error', () => undefined);
    const rig = new Rig({ scenario, env, stage, proxy, gavelcast, load, subscribers, admin });
    rig.own(() => {
      rmSync(state, { recursive: true, force: true });
      return Promise.resolve();
    });
    return rig;
  }

  get gavelcast(): GavelcastProcess {
    return this.#gavelcast;
  }

  /** Kills our process (SIGKILL) and starts it again on the same port, with the state that it had saved. */
  async killGavelcast(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const { port } = this.#gavelcast;
    await this.#gavelcast.stop('SIGKILL');
    const source = { ...this.stage.source, port: this.proxy.port };
    const env = { ...this.#env, ...more, WS_PORT: String(port) };
    this.#gavelcast = await startGavelcast(source, env, { waitUntilReady: false });
    await this.untilReady(STARTED_WITHIN_MS);
  }

  /** Memory of our process that is in use, MiB. */
  residentMiB(): number {
    const status = readFileSync(`/proc/${String(this.#gavelcast.child.pid)}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }

  get server(): DatabaseServer {
    return this.stage.server;
  }

  /** Runs statements as administrator in the portal's database, one after the other on one session. */
  async sql(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.#admin.query(statement);
  }

  async rows(sql: string): Promise<RowDataPacket[]> {
    const [rows] = await this.#admin.query<RowDataPacket[]>(sql);
    return rows;
  }

  /** A session of one's own in the portal's database. */
  async session(server: DatabaseServer = this.server): Promise<Connection> {
    const session = await server.connect({ database: this.stage.source.database });
    session.on('error', () => undefined);
    this.own(() => {
      session.destroy();
      return Promise.resolve();
    });
    return session;
  }

  /** The administrator's session, after the server was restarted. */
  async reconnect(server: DatabaseServer = this.server): Promise<void> {
    this.#admin.destroy();
    this.#admin = await this.session(server);
  }

  /** A pool on another server that has the portal's database. */
  poolOn(server: DatabaseServer): Pool {
    const { host, port, admin } = server;
    const { database } = this.stage.source;
    const pool = createPool({ host, port, ...admin, database, dateStrings: true });
    this.#opened.push(pool);
    return pool;
  }

  /** Something to be ended after the scenario. */
  own(end: () => Promise<void>): void {
    this.#opened.push({ end });
  }

  /** What `/readyz` says; status 0 while nobody listens. */
  async readiness(): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.gavelcast.port}/readyz`);
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  async untilUnready(withinMs = 40_000): Promise<string> {
    return until(
      async () => {
        const { status, text } = await this.readiness();
        return status === 503 ? text : null;
      },
      { withinMs, what: '/readyz to say 503' },
    );
  }

  async untilReady(withinMs = CATCH_UP_MS): Promise<void> {
    await until(async () => (await this.readiness()).status === 200, {
      withinMs,
      what: () => `/readyz to say 200; ${this.#logTail()}`,
    });
  }

  /** Log lines of our process with this event name. */
  logged(event: string): string[] {
    return this.gavelcast
      .output()
      .split('\n')
      .filter((line) => line.includes(`"msg":"${event}"`));
  }

  /** The fault is over: recovery is timed from here. */
  cured(): void {
    this.#curedAt = { atMs: performance.now(), mark: this.load.ledger.mark() };
  }

  /** Resolves when all that is committed by now was told. */
  async caughtUp(): Promise<void> {
    const mark = this.load.ledger.mark();
    await until(() => this.#isTold(mark), {
      withinMs: this.#catchUpMs,
      everyMs: 25,
      what: () => `all that was committed to be told; ${this.#logTail()}`,
    });
  }

  /** The source lost what it had committed, and writing goes on from what it still has. Only while the load stands. */
  async newEpoch(): Promise<void> {
    this.#past.push(await this.load.rebase());
  }

  verdicts(): Verdict[] {
    const { itemIds } = this.load.ledger;
    const epochs = [...this.#past, this.load.ledger];
    return this.subscribers.map((subscriber) =>
      judge({ epochs, itemIds, told: (itemId) => subscriber.told(itemId) }),
    );
  }

  /** More load after the cure, then quiet, then the verdict: the worse of both subscribers. */
  async finish(): Promise<Verdict> {
    if (this.#curedAt === null) this.cured();
    this.load.start();
    await this.#untilRecovered();
    await this.load.more(WARM_UP);
    await this.load.stop();
    await this.load.settle();
    const isComplete = (): boolean => this.verdicts().every((verdict) => verdict.lost === 0);
    const withinMs = this.#catchUpMs;
    await until(isComplete, { withinMs, everyMs: 200 }).catch(() => undefined);
    return this.worst();
  }

  worst(): Verdict {
    const [first, second] = this.verdicts();
    if (first === undefined || second === undefined) throw new Error('two subscribers');
    return {
      delivered: Math.min(first.delivered, second.delivered),
      declared: Math.max(first.declared, second.declared),
      lost: Math.max(first.lost, second.lost),
      repeated: Math.max(first.repeated, second.repeated),
      invented: Math.max(first.invented, second.invented),
      faults: [...first.faults, ...second.faults],
    };
  }

  async #untilRecovered(): Promise<void> {
    const cured = this.#curedAt;
    if (cured === null) return;
    const isBack = async (): Promise<boolean> =>
      this.#isTold(cured.mark) && (await this.readiness()).status === 200;
    try {
      await until(isBack, { withinMs: this.#catchUpMs, everyMs: 25 });
      this.recoveryMs = performance.now() - cured.atMs;
    } catch {
      // The verdict tells what is missing; the log tells why.
    }
  }

  get #catchUpMs(): number {
    return this.#scenario.catchUpMs ?? CATCH_UP_MS;
  }

  #isTold(mark: ReadonlyMap<number, number>): boolean {
    return this.subscribers.every((subscriber) =>
      [...mark].every(([itemId, count]) => placeReached(subscriber, itemId) >= count),
    );
  }

  #logTail(): string {
    return this.gavelcast.output().split('\n').slice(-8).join('\n');
  }

  get logTail(): string {
    return this.#logTail();
  }

  async strike(): Promise<void> {
    for (const subscriber of this.subscribers) await subscriber.stop();
    await this.#gavelcast.stop('SIGKILL');
    for (const opened of this.#opened.splice(0).reverse()) await opened.end();
    await this.proxy.close();
    this.#admin.destroy();
    await this.stage.stop();
  }
}

/** How many changes of an item the subscriber knows of, by event or by state. A state that events follow counts for nothing. */
function placeReached(subscriber: Subscriber, itemId: number): number {
  let reached = 0;
  const eventIds = new Set<string>();
  for (const told of subscriber.told(itemId)) {
    if (told.kind !== 'state') {
      if (!eventIds.has(told.eventId)) reached += 1;
      eventIds.add(told.eventId);
    } else if (told.reason !== 'replayed') {
      reached = Math.max(reached, told.bidCount + (told.isActive ? 0 : 1));
    }
  }
  return reached;
}

/** Runs a scenario under load and holds it to what it has to come to. */
export async function runScenario(
  scenario: Scenario,
  fault: (rig: Rig) => Promise<void>,
): Promise<void> {
  const startedAtMs = performance.now();
  const rig = await Rig.set(scenario);
  let result: Result | null = null;
  try {
    rig.load.start();
    await rig.load.more(WARM_UP);
    await fault(rig);
    result = await conclude(rig, scenario.expects);
    expectAsWanted(rig, scenario.expects, result);
  } finally {
    // A server that was frozen must not keep the load from ending.
    rig.server.signal('SIGCONT');
    rig.proxy.mode('pass');
    await rig.load.stop();
    await rig.strike();
    const elapsedMs = performance.now() - startedAtMs;
    report(rig, scenario, { result: result ?? { verdict: NOTHING, outcome: 'failed' }, elapsedMs });
  }
}

const NOTHING: Verdict = {
  ...{ delivered: 0, declared: 0, lost: 0, repeated: 0, invented: 0 },
  faults: [],
};

/** What came of a scenario. */
interface Result {
  readonly verdict: Verdict;
  readonly outcome: string;
}

async function conclude(rig: Rig, expects: Scenario['expects']): Promise<Result> {
  if (typeof expects === 'object') return awaitHalt(rig, expects.halt);
  const verdict = await rig.finish();
  const resets = Math.max(...rig.subscribers.map((subscriber) => subscriber.resets));
  return { verdict, outcome: resets > 0 ? 'resync' : 'delivered' };
}

function expectAsWanted(rig: Rig, expects: Scenario['expects'], result: Result): void {
  const { verdict, outcome } = result;
  const context = `${verdict.faults.join('\n')}\n${rig.logTail}`;
  if (typeof expects === 'object') {
    expect(verdict.invented, context).toBe(0);
    return;
  }
  const { lost, invented, declared } = verdict;
  expect({ lost, invented }, context).toEqual({ lost: 0, invented: 0 });
  expect(rig.recoveryMs, `recovery\n${rig.logTail}`).not.toBeNull();
  if (expects === 'reset') expect(outcome, context).toBe('resync');
  else expect({ outcome, declared }, context).toEqual({ outcome: 'delivered', declared: 0 });
}

/** Stopped by name: 503, nothing invented, nothing told after it, whatever is written further. */
async function awaitHalt(rig: Rig, code: string): Promise<Result> {
  await until(async () => (await rig.readiness()).text.includes(code), {
    withinMs: 40_000,
    what: () => `/readyz to name ${code}\n${rig.logTail}`,
  });
  const before = rig.worst().delivered;
  rig.load.start();
  await rig.load.more(WARM_UP);
  await rig.load.stop();
  await rig.load.settle();
  const verdict = rig.worst();
  // What was written since is owed, and none of it was passed over: each item's events are a prefix of its commits.
  expect(verdict.delivered).toBe(before);
  expect(verdict.lost).toBeGreaterThan(0);
  expect(isPrefix(rig), 'what was told is a prefix of what was committed').toBe(true);
  expect((await rig.readiness()).status).toBe(503);
  expect(rig.logged('feed halted')).toHaveLength(1);
  return { verdict: { ...verdict, lost: 0 }, outcome: `stopped: ${code}` };
}

function isPrefix(rig: Rig): boolean {
  const { ledger } = rig.load;
  return rig.subscribers.every((subscriber) =>
    ledger.itemIds.every((itemId) => {
      const told = subscriber.told(itemId).filter((each) => each.kind !== 'state');
      return told.every((each, at) => {
        const entry = ledger.committed(itemId)[at];
        if (entry === undefined || entry.kind !== each.kind) return false;
        return each.kind !== 'bid' || entry.kind !== 'bid' || entry.bidId === each.bidId;
      });
    }),
  );
}

/** Adds a line to the file that `npm run test:faults` makes its table of, and to what is seen of the run. */
function report(
  rig: Rig,
  { name, flavour }: Scenario,
  { result, elapsedMs }: { readonly result: Result; readonly elapsedMs: number },
): void {
  const { delivered, declared, lost, repeated, invented } = result.verdict;
  const line: Outcome = {
    scenario: name,
    flavour,
    version: rig.server.version,
    outcome: result.outcome,
    committed: rig.load.ledger.size,
    delivered,
    declared,
    lost,
    repeated,
    invented,
    recoveryMs: rig.recoveryMs === null ? null : Math.round(rig.recoveryMs),
    elapsedMs: Math.round(elapsedMs),
  };
  const file = process.env['GAVELCAST_FAULTS_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
  const seconds = (elapsedMs / 1000).toFixed(1);
  const counts = `${delivered} told, ${declared} in fresh state, ${lost} lost, ${invented} invented`;
  process.stdout.write(`${flavour}: ${name}: ${result.outcome}, ${counts}; took ${seconds} s\n`);
}
