/** Counts of watchers go to many as events do: after what few are owed, and to nobody who is behind. */
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost } from '../../server/connection.ts';
import { RateBucket } from '../../server/rate-bucket.ts';
import type { Transport } from '../../server/transport.ts';
import { TurnBatch } from '../../server/turn-batch.ts';
import { WatcherCounts } from '../../server/watcher-counts.ts';
import { itemIdOf } from '../../src/auction/ids.ts';
import { ConflatedWay } from '../../src/topics/conflated-way.ts';
import { History } from '../../src/topics/history.ts';
import { IDLE_HOST, IDLE_SOCKET } from './support/idle-connection.ts';

const ITEM = itemIdOf(1);

/** Listeners of one item, and how many of them have been written to. */
class Stage {
  readonly batch = new TurnBatch();
  readonly counts = new WatcherCounts();
  readonly texts: string[] = [];
  #nowMs = 0;

  listener(): Connection {
    const host: ConnectionHost = { ...IDLE_HOST, batch: this.batch };
    const socket: Transport = {
      ...IDLE_SOCKET,
      writeFrames: (frames) => {
        this.texts.push(frames.subarray(2).toString());
        return 0;
      },
    };
    const bucket = new RateBucket({ perSecond: 20, burst: 200 }, 0);
    const connection = new Connection(host, { socket, isV2: true, bucket });
    connection.enter('admitted');
    this.counts.listen(connection, ITEM);
    return connection;
  }

  /** Takes a sample a second later. */
  sample(count: number): void {
    this.#nowMs += 1000;
    this.counts.sample(this.#nowMs, () => count);
  }
}

test.each([
  [256, 256],
  [257, 0],
])('of %i listeners %i are told before the bulk of events is', (listeners, promptly) => {
  const stage = new Stage();
  for (let at = 0; at < listeners; at += 1) stage.listener();
  stage.sample(listeners);
  stage.batch.flush(0);
  expect(stage.texts).toHaveLength(promptly);
  stage.batch.flush();
  expect(stage.texts).toHaveLength(listeners);
});

test('a listener who is on its way to what is live is told the count when it is there, once', () => {
  const stage = new Stage();
  stage.listener();
  const slow = stage.listener();
  slow.way = new ConflatedWay(
    new History<Buffer>({ eventsMax: 10, bytesMax: 1e6, ageMaxMs: 1e6 }),
    slow,
  );
  const told = (count: number, times: number): void => {
    stage.batch.flush();
    const text = `{"type":"watchers","itemId":1,"count":${count}}`;
    expect(stage.texts.splice(0)).toEqual(Array.from({ length: times }, () => text));
  };
  stage.sample(2);
  told(2, 1);
  stage.counts.moved(ITEM);
  stage.sample(3);
  told(3, 1);
  stage.sample(3);
  told(3, 0);
  slow.way = null;
  stage.sample(3);
  told(3, 1);
  stage.sample(3);
  told(3, 0);
});
