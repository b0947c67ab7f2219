/** Many who come back at once are given what they missed some a turn; told by a clock of the test's. */
import { expect, test } from 'vitest';
import { CatchUps } from '../../server/catch-ups.ts';
import { Connection, type ConnectionHost } from '../../server/connection.ts';
import { RateBucket } from '../../server/rate-bucket.ts';
import { TurnBatch } from '../../server/turn-batch.ts';
import { itemIdOf, userIdOf, type EventId } from '../../src/auction/ids.ts';
import { History } from '../../src/topics/history.ts';
import { OPTIONS } from './support/gateway-harness.ts';
import { IDLE_HOST, IDLE_SOCKET } from './support/idle-connection.ts';

const CLIENTS = 60;
/** What giving one event takes: six of them fill a turn. */
const EVENT_MS = 1;
const EVENTS_A_TURN = 6;
const ITEM = itemIdOf(1);
const nothing = (): void => undefined;

const HOST: ConnectionHost = { ...IDLE_HOST, batch: new TurnBatch() };

function client(): Connection {
  const bucket = new RateBucket({ perSecond: 1, burst: 1 }, 0);
  const connection = new Connection(HOST, { socket: IDLE_SOCKET, isV2: true, bucket });
  connection.identify({ userId: userIdOf(1), expiresAtMs: 1 });
  connection.enter('admitted');
  return connection;
}

test('recoveries of many at once are spread over turns, first come first served', async () => {
  const history = new History<Buffer>({ eventsMax: 10, bytesMax: 1e6, ageMaxMs: 1e6 });
  history.append(
    {
      eventId: 'e1' as EventId,
      frame: Buffer.from('missed'),
      itemId: ITEM,
      userIds: [],
      v2Only: false,
      deliveryClass: 'must',
      committedAtMs: 0,
    },
    0,
  );
  let nowMs = 0;
  let replayed = 0;
  const catchUps = new CatchUps({
    history,
    limits: OPTIONS.slowLimits,
    monotonicMs: () => nowMs,
    replayed: () => {
      replayed += 1;
      nowMs += EVENT_MS;
    },
    conflated: nothing,
    tooSlow: nothing,
  });
  const arrived: number[] = [];
  for (let at = 0; at < CLIENTS; at += 1) {
    const connection = client();
    catchUps.begin(connection, { after: 0, itemIds: [ITEM], ofUser: false });
    connection.coverage.watch(ITEM, history.newest);
    void catchUps.run(connection)?.then(() => arrived.push(at));
  }
  for (let turns = 1; replayed < CLIENTS; turns += 1) {
    await new Promise((done) => setImmediate(done));
    expect(replayed).toBe(turns * EVENTS_A_TURN);
  }
  expect(catchUps.recovering).toBe(0);
  expect(arrived).toEqual(Array.from({ length: CLIENTS }, (_, at) => at));
});
