/** What a worker reads through the primary is what the primary reads itself. */
import { expect, test } from 'vitest';

import { BarredUsers } from '../../../server/barred-users.ts';
import { Questions } from '../../../server/workers/questions.ts';
import { ReadDesk } from '../../../server/workers/read-desk.ts';
import { RemoteReads } from '../../../server/workers/remote-reads.ts';
import type { Question } from '../../../server/workers/worker-message.ts';
import { itemIdOf, userIdOf } from '../../../src/auction/ids.ts';
import { AppError } from '../../../src/errors.ts';
import { bidPlaced, standing } from '../support/events.ts';
import { MemoryReads } from '../support/memory-reads.ts';

function setUp() {
  const reads = new MemoryReads();
  const barred = new BarredUsers();
  const desk = new ReadDesk({ reads, barred });
  const questions: Questions = new Questions((id, question) => {
    if (question.of === 'place') throw new Error('not a read');
    const crossed: Exclude<Question, { of: 'place' }> = structuredClone(question);
    void desk.ask(crossed, (answer) => {
      questions.answered(id, structuredClone(answer));
    });
  });
  let nowMs = 0;
  const news = { state: reads.feed, isFresh: true, clockOffsetMs: 250, zoneName: 'UTC' };
  const remote = new RemoteReads(questions, { now: () => nowMs, news });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { reads, barred, remote, pass };
}

test('items: those in the book, those in the tables, and those that are not', async () => {
  const { reads, remote } = setUp();
  reads.list(1, { price: '12.50', reserve: '10.00', bidCount: 3, leaderId: 7 });
  const wanted = [itemIdOf(1), itemIdOf(404)];
  const found = await remote.withItems(wanted, (find) => wanted.map(find));
  expect(found).toMatchObject([
    { itemId: '1', currentPrice: '12.50', bidCount: 3, leaderId: '7', reserveMet: true },
    null,
  ]);
  // What the reserve is stays with the primary.
  expect(JSON.stringify(found)).not.toContain('10.00');
});

test('own bids come with their auctions, for as long as they are looked at', async () => {
  const { reads, remote } = setUp();
  reads.list(1, { price: '15.00' });
  const bid = { itemId: itemIdOf(1), amount: bidPlaced(1, 7, '12.50').amount };
  reads.ownBids.set(userIdOf(7), [bid]);
  const seen = await remote.withOwnBids(userIdOf(7), 10, (bids) => ({
    bids,
    status: remote.book.get(itemIdOf(1))?.status,
  }));
  expect(seen).toEqual({ bids: [bid], status: 'active' });
  expect(remote.book.get(itemIdOf(1))).toBeUndefined();
});

test('standings, those of deleted users too; watchlists', async () => {
  const { reads, barred, remote } = setUp();
  const known = { mayConnect: true, suspendedUntilMs: null };
  reads.standings.set(userIdOf(1), known);
  reads.watchlists.set(userIdOf(1), [itemIdOf(3), itemIdOf(4)]);
  expect(await remote.readStanding(userIdOf(1))).toEqual(known);
  expect(await remote.readStanding(userIdOf(2))).toBeNull();
  barred.changed(standing(2, false));
  expect(await remote.readStanding(userIdOf(2))).toMatchObject({ mayConnect: false });
  expect(await remote.readWatchlist(userIdOf(1), 1)).toEqual([itemIdOf(3)]);
});

test('a read that fails there fails here, with its code', async () => {
  const { reads, remote } = setUp();
  reads.failure = new AppError('SOURCE_UNREACHABLE', 'the tables cannot be read');
  await expect(remote.readStanding(userIdOf(1))).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: 'the tables cannot be read',
  });
});

test('what an answer is made into throws to whoever asked', async () => {
  const { remote } = setUp();
  const taken = remote.withItems([itemIdOf(1)], () => {
    throw new Error('no room');
  });
  await expect(taken).rejects.toThrow('no room');
});

test('news that have stopped are not fresh', () => {
  const { remote, pass } = setUp();
  expect(remote.isFresh()).toBe(true);
  expect(remote.clockOffsetMs).toBe(250);
  pass(10_000);
  expect(remote.isFresh()).toBe(false);
});
