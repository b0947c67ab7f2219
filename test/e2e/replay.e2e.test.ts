/**
 * `gavelcast replay` beside a running server: a window of the past is told as each client was told it, byte for byte, to
 * those whom it went to; and the server that has the same configuration notices nothing.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuctionClient } from '../support/auction-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import {
  gavelcastEnv,
  PROJECT_ROOT,
  startGavelcast,
  type GavelcastProcess,
  type SourceAddress,
} from '../support/gavelcast-process.ts';
import type { PortalShape } from '../support/portal-schema.ts';
import { fillPortal, tellStory, type Cast, type Scene } from '../support/portal-story.ts';
import { setStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** One line of the output, its event as text. */
interface ToldLine {
  readonly committedAt: string;
  readonly transaction: string;
  readonly to: { readonly watchersOf: number | null; readonly userIds: readonly number[] };
  readonly eventId: string;
  readonly event: string;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly told: readonly ToldLine[];
}

/** Each replay is a process of its own, and some tests run five. */
const TEST_TIMEOUT_MS = 240_000;
const GTID_OFF = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
const CASES = FLAVOURS.flatMap((flavour) => [
  { flavour, shape: 'A' as PortalShape, ids: 'GTID', variables: {} },
  { flavour, shape: 'B-bare' as PortalShape, ids: 'GTID', variables: {} },
  ...(flavour === 'mysql'
    ? [{ flavour, shape: 'B' as PortalShape, ids: 'file and position', variables: GTID_OFF }]
    : []),
]);

describe.each(CASES)(
  '$flavour, shape $shape, $ids',
  { timeout: TEST_TIMEOUT_MS },
  ({ flavour, shape, ids, variables }) => {
    let stage: Stage;
    let scene: Scene;
    let cast: Cast & { readonly seller: number };
    let gavelcast: GavelcastProcess;
    let stateDirectory: string;
    let env: Record<string, string>;

    beforeAll(async () => {
      stage = await setStage(flavour, { shape, variables });
      scene = { ...stage, shape };
      cast = await fillPortal(stage);
      // Those who listen must not be thrown out.
      cast = { ...cast, banned: await stage.portal.addUser({ name: 'Dan' }) };
      stateDirectory = mkdtempSync(join(tmpdir(), 'gavelcast-replay-'));
      env = { STATE_DIR: stateDirectory, SERVER_ID: '4242', SOURCE_HEARTBEAT_MS: '5000' };
      gavelcast = await startGavelcast(stage.source, env);
    });
    afterAll(async () => {
      await gavelcast.stop();
      await stage.stop();
      rmSync(stateDirectory, { recursive: true, force: true });
    });

    test('a window is told as it was told live, to whom it was told', async () => {
      const { ann, bob, seller, items } = cast;
      await tellStory(scene, cast);
      const clients = await Promise.all(
        [ann, bob, seller].map(async (userId, at) => {
          const client = await AuctionClient.connect(gavelcast.url, { userId, v2: true });
          const watched = items.slice(at, at + 2);
          await client.subscribe(...watched);
          return { userId, watched, client };
        }),
      );
      // Whatever was told so far has come.
      await untilTold(stage, clients);
      const since = await nextSecond();
      const early = clients.map(({ client }) => eventsOf(client).length);
      await tellStory(scene, { ...cast, ann: bob, bob: ann });
      await stage.pool.query('FLUSH BINARY LOGS');
      await tellStory(scene, cast);
      const end = await nextSecond();
      const live = await toldUntilNow(
        stage,
        clients.map(({ client, watched }) => ({ client, watched })),
      );
      await tellStory(scene, cast);
      const window = [
        '--since',
        new Date(since).toISOString(),
        '--until',
        await databaseTime(stage, end),
      ];
      const { code, told, stderr } = await replay(window);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).toMatch(new RegExp(`${told.length.toString()} events\n$`));
      for (const [at, { userId, watched }] of clients.entries()) {
        const his = told.filter(
          ({ to }) => watched.includes(to.watchersOf ?? 0) || to.userIds.includes(userId),
        );
        expect(his.length).toBeGreaterThan(3);
        expect(his.map(({ event }) => event)).toEqual(live[at]?.slice(early[at]));
      }
      for (const { committedAt, transaction } of told) {
        expect(Date.parse(committedAt)).toBeGreaterThanOrEqual(since);
        expect(Date.parse(committedAt)).toBeLessThan(end);
        expect(transaction).toMatch(TRANSACTION_IDS[ids === 'GTID' ? flavour : 'none']);
      }
      const [item = 0] = items;
      const ofItem = await replay([...window, '--item', String(item)]);
      expect(ofItem.told).toEqual(told.filter(({ event }) => itemOf(event) === item));
      const ofAnn = await replay([...window, '--user', String(ann)]);
      expect(ofAnn.told).toEqual(told.filter(({ to }) => to.userIds.includes(ann)));
      expect(ofAnn.told.length).toBeGreaterThan(3);
      for (const { client } of clients) await client.close();
    });

    test('the server beside it notices nothing, and its checkpoint stays as it is', async () => {
      const since = new Date(await nextSecond()).toISOString();
      await tellStory(scene, cast);
      const beside = await replay(['--since', since]);
      expect(beside.code, beside.stderr).toBe(0);
      expect(await gavelcast.isReady()).toBe(true);
      const lines = gavelcast.output().split('\n');
      expect(lines.filter((line) => /source retry|SERVER_ID_CONFLICT/.test(line))).toEqual([]);
      await gavelcast.stop();
      const [file = '', ...others] = readdirSync(stateDirectory);
      expect(others).toEqual([]);
      const before = readFileSync(join(stateDirectory, file), 'utf8');
      await tellStory(scene, cast);
      const { code, told } = await replay(['--since', since]);
      expect(code).toBe(0);
      expect(told.length).toBeGreaterThan(beside.told.length);
      expect(told.slice(0, beside.told.length)).toEqual(beside.told);
      expect(readdirSync(stateDirectory)).toEqual([file]);
      expect(readFileSync(join(stateDirectory, file), 'utf8')).toBe(before);
      gavelcast = await startGavelcast(stage.source, env);
    });

    test('what cannot be told is refused with the reason', async () => {
      // Past the second in which the tables were made.
      await nextSecond();
      await tellStory(scene, cast);
      const noItem = await replay(['--since', '10s', '--item', '987654']);
      expect(noItem).toMatchObject({ code: 1, stdout: '' });
      expect(noItem.stderr).toContain('no such item in the tables: 987654');
      const backwards = await replay(['--since', '10s', '--until', '2026-01-01']);
      expect(backwards).toMatchObject({ code: 64, stdout: '' });
      expect(backwards.stderr).toContain('--until must be later than --since');
      const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
      const future = await replay(['--since', tomorrow]);
      expect(future).toMatchObject({ code: 64, stdout: '' });
      expect(future.stderr).toContain('--since lies in the future');
      const noTime = await replay(['--since', 'yesterday']);
      expect(noTime).toMatchObject({ code: 64, stdout: '' });
      const tooOld = await replay(['--since', '30d']);
      expect(tooOld).toMatchObject({ code: 1, stdout: '' });
      expect(tooOld.stderr).toContain('on: the oldest binlog that the server has begins there');
      // As an operator would: what it says can be told, can. The tables' own creation may be a second reason.
      const item = ['--item', String(cast.items[0])];
      const next = await replay(['--since', earliestIn(tooOld), ...item]);
      const asTold = next.code === 0 ? next : await replay(['--since', earliestIn(next), ...item]);
      expect(asTold.code, asTold.stderr).toBe(0);
      expect(asTold.told.length).toBeGreaterThan(0);
    });

    test('a session with row image MINIMAL: only from there on', async () => {
      const [item = 0] = cast.items;
      const since = new Date(await nextSecond()).toISOString();
      const session = await stage.server.connect({ database: stage.source.database });
      await session.query(`SET SESSION binlog_row_image = 'MINIMAL'`);
      await session.query(`UPDATE items SET end_time = end_time + INTERVAL 1 HOUR WHERE id = ?`, [
        item,
      ]);
      await session.end();
      await nextSecond();
      await tellStory(scene, cast);
      const refused = await replay(['--since', since, '--item', String(item)]);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('on: partial image');
      const told = await replay(['--since', earliestIn(refused), '--item', String(item)]);
      expect(told.code, told.stderr).toBe(0);
      expect(told.told.length).toBeGreaterThan(5);
      const other = await replay(['--since', since, '--item', String(cast.items[1])]);
      expect(other.code, other.stderr).toBe(0);
    });

    function replay(args: readonly string[]): Promise<Outcome> {
      return runReplay(args, stage.source, env);
    }
  },
);

const TRANSACTION_IDS = {
  mariadb: /^0-1-\d+$/,
  mysql: /^[0-9a-f-]{36}:\d+$/,
  none: /^binlog\.\d+:\d+$/,
};

function runReplay(
  args: readonly string[],
  source: SourceAddress,
  extra: Record<string, string>,
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['src/main.ts', 'replay', ...args],
      { cwd: PROJECT_ROOT, env: gavelcastEnv(source, extra), maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? -1);
        const told = stdout.split('\n').filter(Boolean).map(toldLine);
        resolve({ code, stdout, stderr, told });
      },
    );
  });
}

/** The event keeps its bytes: it is the last field. */
function toldLine(text: string): ToldLine {
  // The program's own output: what is wrong with it, the assertions say.
  const line = JSON.parse(text) as ToldLine & { readonly event: { readonly eventId: string } };
  const event = text.slice(text.indexOf('"event":') + '"event":'.length, -1);
  return { ...line, eventId: line.event.eventId, event };
}

/** From when on a refused window can be told, as the refusal says. */
function earliestIn({ stderr }: Outcome): string {
  return /can only be told from (\S+)/.exec(stderr)?.[1] ?? '';
}

function eventsOf(client: AuctionClient): string[] {
  return client.texts.filter(
    (text) => text.includes('"eventId":') && !text.includes('"eventId":"~'),
  );
}

function itemOf(event: string): number {
  return (JSON.parse(event) as { readonly itemId: number }).itemId;
}

/** Waits for the next full second of the clock that the database on this machine has, too. @returns it, epoch ms */
async function nextSecond(): Promise<number> {
  const next = (Math.floor(Date.now() / 1000) + 1) * 1000;
  await until(() => Date.now() >= next, { what: 'the next second' });
  return next;
}

/** As people would type it who look at their tables. */
async function databaseTime({ pool }: Stage, atMs: number): Promise<string> {
  const sql = 'SELECT CAST(FROM_UNIXTIME(?) AS CHAR) AS text';
  const [[row]] = await pool.query<RowDataPacket[]>(sql, [atMs / 1000]);
  return String(row?.['text']).slice(0, 19);
}

/** Waits until a last change of each item has come to those who watch it. */
async function untilTold(
  { portal }: Stage,
  clients: readonly { readonly client: AuctionClient; readonly watched: readonly number[] }[],
): Promise<void> {
  const endTime = Math.floor(Date.now() / 1000) * 1000 + 20 * 86_400_000;
  const mark = `"newEndTime":"${new Date(endTime).toISOString()}"`;
  for (const itemId of new Set(clients.flatMap(({ watched }) => watched)))
    await portal.moveEndTime(itemId, endTime);
  for (const { client, watched } of clients) {
    const marks = (): number => eventsOf(client).filter((text) => text.includes(mark)).length;
    await until(() => marks() >= watched.length, { withinMs: 30_000, what: 'the last changes' });
  }
}

/** What each was told, once a last change of every item has come to those who watch it; without that change. */
async function toldUntilNow(
  { portal }: Stage,
  clients: readonly { readonly client: AuctionClient; readonly watched: readonly number[] }[],
): Promise<string[][]> {
  const endTime = Math.floor(Date.now() / 1000) * 1000 + 10 * 86_400_000;
  const mark = `"newEndTime":"${new Date(endTime).toISOString()}"`;
  for (const itemId of new Set(clients.flatMap(({ watched }) => watched)))
    await portal.moveEndTime(itemId, endTime);
  return Promise.all(
    clients.map(async ({ client }) => {
      const markAt = (): number => eventsOf(client).findIndex((text) => text.includes(mark));
      await until(() => markAt() >= 0, { withinMs: 30_000, what: 'the last change' });
      return eventsOf(client).slice(0, markAt());
    }),
  );
}
