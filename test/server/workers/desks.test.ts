/** What the primary keeps of each worker goes with it. */
import { expect, test } from 'vitest';

import { LocalPlaces } from '../../../server/places.ts';
import { PlaceDesk } from '../../../server/workers/place-desk.ts';
import { UserDesk } from '../../../server/workers/user-desk.ts';
import { WatcherDesk } from '../../../server/workers/watcher-desk.ts';
import { WorkerProcess } from '../../../server/workers/worker-process.ts';
import { itemIdOf, userIdOf } from '../../../src/auction/ids.ts';
import { until } from '../../support/until.ts';
import { FakeWorkers } from '../support/fake-workers.ts';
import { OPTIONS } from '../support/gateway-harness.ts';

const ITEM = itemIdOf(1);

function setUp() {
  const workers = new FakeWorkers();
  const start = (place: number): WorkerProcess =>
    new WorkerProcess({
      place,
      inheritedFd: null,
      spawn: workers.spawn,
      received: () => undefined,
      ended: () => undefined,
    });
  return { workers, one: start(1), two: start(2) };
}

test('places that an ended worker had taken are free again', () => {
  const { one, two } = setUp();
  const places = new LocalPlaces({ ...OPTIONS, connectionsMax: 2 }, Date.now);
  const desk = new PlaceDesk(places);
  expect(desk.enter(one, null)).toBeNull();
  expect(desk.enter(two, null)).toBeNull();
  expect(desk.enter(two, null)).not.toBeNull();
  desk.workerEnded(one);
  expect(places.open).toBe(1);
  expect(desk.enter(two, null)).toBeNull();
});

test('users whose connections an ended worker held have none any more', () => {
  const { one, two } = setUp();
  const desk = new UserDesk(3);
  desk.admitted(one, 1, userIdOf(7));
  desk.admitted(one, 2, userIdOf(8));
  desk.admitted(two, 1, userIdOf(8));
  desk.workerEnded(one);
  expect(desk.users).toBe(1);
});

test('watchers on an ended worker are not counted, and a new worker is told what to count', async () => {
  const { workers, one, two } = setUp();
  const desk = new WatcherDesk(() => [one, two]);
  desk.workerBegan(one);
  desk.listen(one, ITEM, true);
  desk.counted(one, [[ITEM, 2]]);
  desk.counted(two, [[ITEM, 3]]);
  desk.workerEnded(two);
  desk.tell();
  desk.workerBegan(two);
  const told = { kind: 'watchers', totals: [[ITEM, 2]] };
  await until(() => workers.at(0).toldOf('watchers').length > 0, { what: 'the total' });
  expect(workers.at(0).toldOf('watchers')).toEqual([told]);
  const track = { kind: 'track', itemIds: [ITEM], on: true };
  await until(() => workers.at(1).toldOf('track').length > 1, { what: 'the item, again' });
  expect(workers.at(1).toldOf('track')).toEqual([track, track]);
});
