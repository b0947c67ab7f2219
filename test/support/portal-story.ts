/**
 * Everything a portal does within a second or two, for suites that tell the past again.
 */
import type { Pool } from 'mysql2/promise';
import { PORTAL_NAMES, type PortalShape } from './portal-schema.ts';
import type { Portal } from './portal.ts';
import type { Stage } from './stage.ts';

const HOUR_MS = 3_600_000;

/** Where a story is told. */
export interface Scene {
  readonly portal: Portal;
  readonly pool: Pool;
  readonly shape: PortalShape;
}

/** Whom a story is about; its first two items are bid on. */
export interface Cast {
  readonly ann: number;
  readonly bob: number;
  readonly items: readonly number[];
  /** Who is suspended for a moment; default: `bob`. */
  readonly banned?: number;
}

/** A seller, two bidders and four auctions that end in an hour. */
export async function fillPortal({
  portal,
}: Pick<Stage, 'portal'>): Promise<Cast & { readonly seller: number }> {
  const seller = await portal.addUser({ name: 'Sue', role: 'seller' });
  const ann = await portal.addUser({ name: 'Ann' });
  const bob = await portal.addUser({ name: 'Bøb ✓' });
  const endTime = Date.now() + HOUR_MS;
  const items: number[] = [];
  for (const title of ['one', 'two', 'three', 'four']) {
    items.push(await portal.addItem({ title, startingPrice: '1.00', endTime, sellerId: seller }));
  }
  return { seller, ann, bob, items };
}

let told = 0;

/** Everything a portal does: bids in both styles, ends, new items, retractions, renames, bans, watchlists. */
export async function tellStory(
  { portal, shape, pool }: Scene,
  { ann, bob, items, banned = bob }: Cast,
): Promise<void> {
  const { hasHighestBidder, hasReserve, words } = PORTAL_NAMES[shape];
  told += 1;
  const at = told * 100;
  const price = (cents: number): string => (at + cents / 100).toFixed(2);
  const [one = 0, two = 0] = items;
  for (const [turn, style] of (['autocommit', 'transaction'] as const).entries()) {
    await portal.placeBid({ itemId: one, userId: ann, amount: price(turn * 10 + 1), style });
    await portal.placeBid({ itemId: one, userId: bob, amount: price(turn * 10 + 2), style });
    await portal.placeBid({ itemId: two, userId: bob, amount: price(turn * 10 + 1), style });
    await portal.placeBid({ itemId: two, userId: bob, amount: price(turn * 10 + 3), style });
  }
  await portal.moveEndTime(one, Date.now() + 2 * HOUR_MS + at * 1000);
  const sellerId = 1;
  const soon = await portal.addItem({
    title: 'soon over',
    startingPrice: '5.00',
    endTime: Date.now() + HOUR_MS,
    sellerId,
    ...(hasReserve ? { reservePrice: '7.00' } : {}),
  });
  await portal.placeBid({ itemId: soon, userId: ann, amount: '6.00', style: 'autocommit' });
  await portal.placeBid({ itemId: soon, userId: bob, amount: '8.00', style: 'transaction' });
  await portal.moveEndTime(soon, Date.now() - 5_000);
  await portal.complete();
  // A bid that comes after the end, and an item that is never live.
  await pool.query('INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, 9.00)', [
    soon,
    ann,
  ]);
  const idle = await portal.addItem({
    title: 'never live',
    startingPrice: '5.00',
    endTime: Date.now() + HOUR_MS,
    sellerId,
    status: words.withoutBids,
  });
  await portal.setStatus(idle, 'active');
  await portal.cancel(idle);
  if (hasHighestBidder) {
    const bid = await portal.placeBid({
      itemId: two,
      userId: ann,
      amount: price(90),
      style: 'transaction',
    });
    await portal.deleteBid(bid);
  }
  await portal.watch(ann, two);
  await portal.unwatch(ann, two);
  await portal.renameUser(ann, `Ann ${told.toString()}`);
  await portal.placeBid({ itemId: one, userId: ann, amount: price(95), style: 'transaction' });
  await portal.setUserStatus(banned, 'suspended', Math.floor(Date.now() / 1000) * 1000 + HOUR_MS);
  await portal.setUserStatus(banned, 'active');
}
