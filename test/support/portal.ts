/**
 * The auction portal as its database sees it: writes what the PHP API, its cron job and its admins write, in both styles
 * that are in production. Times are the database's own; DATETIME columns get the wall clock of the session's time zone.
 */
import type { Connection, Pool } from 'mysql2/promise';
import { PORTAL_NAMES } from './portal-schema.ts';
import type { PortalNames, PortalShape } from './portal-schema.ts';
import { PortalSessions } from './portal-session.ts';
import type { PortalSession } from './portal-session.ts';

/** How a build of the API writes a bid: every statement commits alone, or all are one transaction. */
export type BidStyle = 'autocommit' | 'transaction';

export interface NewUser {
  readonly name: string;
  readonly role?: 'buyer' | 'seller' | 'admin';
}

export interface NewItem {
  readonly title: string;
  /** Decimal text with two digits after the point: `'10.00'`. */
  readonly startingPrice: string;
  /** Epoch ms; the column keeps whole seconds. */
  readonly endTime: number;
  readonly sellerId: number;
  /** Decimal text. Shapes without the column refuse it. */
  readonly reservePrice?: string;
  /** A status word of the shape; `active` unless given. */
  readonly status?: string;
}

export interface NewBid {
  readonly itemId: number;
  readonly userId: number;
  /** Decimal text: `'12.50'`. */
  readonly amount: string;
  readonly style: BidStyle;
  /** Decimal text, private, shape B only. */
  readonly maxBid?: string;
}

export interface CompletedItem {
  readonly itemId: number;
  /** The status word that was written. */
  readonly status: string;
}

export type BidRejection = 'unknown_item' | 'not_active' | 'past_end' | 'too_low';

/** What the API would answer with a 4xx. Nothing was committed. */
export class BidRejected extends Error {
  readonly reason: BidRejection;

  constructor(reason: BidRejection) {
    super(`bid rejected: ${reason}`);
    this.name = 'BidRejected';
    this.reason = reason;
  }
}

/** A bid within this many seconds of the end moves the end this many seconds later. */
export const SOFT_CLOSE_SECONDS = 120;

/** What a bid does beside its own row. */
interface BidEffects {
  readonly meetsReserve: boolean;
  readonly isSoftClose: boolean;
}

export class Portal {
  readonly #sessions: PortalSessions;
  readonly #names: PortalNames;
  #userCount = 0;

  /** @param database a pool, or a connection: requests on a single connection run one after the other. */
  constructor(database: Pool | Connection, shape: PortalShape) {
    this.#sessions = new PortalSessions(database);
    this.#names = PORTAL_NAMES[shape];
  }

  /** @returns the user's id. The e-mail address and password begin with `private-`. */
  addUser({ name, role = 'buyer' }: NewUser): Promise<number> {
    this.#userCount += 1;
    const email = `private-${this.#userCount.toString()}-${process.hrtime.bigint().toString(36)}@example.test`;
    const columns = `email, ${this.#names.passwordColumn}, name, role`;
    const sql = `INSERT INTO users (${columns}) VALUES (?, 'private-password', ?, ?)`;
    return this.#autocommit(sql, [email, name, role]);
  }

  /** @returns the item's id. */
  addItem(item: NewItem): Promise<number> {
    const columns = ['title', 'description', 'starting_price', 'current_price', 'seller_id'];
    const { startingPrice } = item;
    const values = [item.title, `About ${item.title}`, startingPrice, startingPrice, item.sellerId];
    columns.push('status');
    values.push(item.status ?? 'active');
    if (item.reservePrice !== undefined) {
      columns.push('reserve_price');
      values.push(item.reservePrice);
    }
    const holders = columns.map(() => '?').join(', ');
    const sql = `INSERT INTO items (${columns.join(', ')}, end_time)
      VALUES (${holders}, FROM_UNIXTIME(?))`;
    return this.#autocommit(sql, [...values, wholeSeconds(item.endTime)]);
  }

  /**
   * What the API does when somebody bids.
   *
   * @returns the bid's id.
   * @throws BidRejected when the item takes no bids or the amount is not above its price.
   */
  placeBid(bid: NewBid): Promise<number> {
    return this.#sessions.run(async (session) => {
      if (bid.style === 'transaction') {
        return session.transaction(() => this.#bidInTransaction(session, bid));
      }
      const effects = await this.#checkBid(session, bid, '');
      const write = session.autocommit.bind(session);
      return this.#writeBid(write, bid, effects);
    });
  }

  /** The cron job: closes every active item whose end has passed, each by its own UPDATE. */
  complete(): Promise<readonly CompletedItem[]> {
    const { itemKey, hasReserve, words } = this.#names;
    const unmet = hasReserve
      ? 'reserve_price IS NOT NULL AND reserve_price > current_price'
      : 'FALSE';
    const due = `SELECT ${itemKey} AS item_id, (${unmet}) AS is_reserve_unmet,
        EXISTS (SELECT 1 FROM bids WHERE bids.item_id = items.${itemKey}) AS has_bids
      FROM items WHERE status = 'active' AND end_time <= NOW() ORDER BY end_time, ${itemKey}`;
    return this.#sessions.run(async (session) => {
      const completed: CompletedItem[] = [];
      for (const row of await session.select(due)) {
        const itemId = Number(row['item_id']);
        const status = row['has_bids'] === 1 ? words.won : words.withoutBids;
        const reserve = row['is_reserve_unmet'] === 1 ? ', reserve_met = 0' : '';
        const sql = `UPDATE items SET status = ?${reserve} WHERE ${itemKey} = ? AND status = 'active'`;
        await session.autocommit(sql, [status, itemId]);
        completed.push({ itemId, status });
      }
      return completed;
    });
  }

  /** An admin calls an auction off. */
  cancel(itemId: number): Promise<void> {
    return this.setStatus(itemId, this.#names.words.cancelled);
  }

  /** Writes a status word of the shape: `active` on a draft starts its auction. */
  async setStatus(itemId: number, status: string): Promise<void> {
    const sql = `UPDATE items SET status = ? WHERE ${this.#names.itemKey} = ?`;
    await this.#autocommit(sql, [status, itemId]);
  }

  /** An admin takes a bid back; price and leader become those of the best bid that is left. */
  deleteBid(bidId: number): Promise<void> {
    const { itemKey, bidKey, hasHighestBidder } = this.#names;
    const best = (column: string): string =>
      `(SELECT ${column} FROM bids WHERE item_id = ? ORDER BY amount DESC, ${bidKey} LIMIT 1)`;
    return this.#sessions.run((session) =>
      session.transaction(async () => {
        const find = `SELECT item_id FROM bids WHERE ${bidKey} = ? FOR UPDATE`;
        const [row] = await session.select(find, [bidId]);
        if (row === undefined) throw new Error(`no bid ${bidId.toString()}`);
        const itemId = Number(row['item_id']);
        await session.write(`DELETE FROM bids WHERE ${bidKey} = ?`, [bidId]);
        const leader = hasHighestBidder ? `, highest_bidder_id = ${best('bidder_id')}` : '';
        const price = `current_price = COALESCE(${best('amount')}, starting_price)`;
        const values = hasHighestBidder ? [itemId, itemId, itemId] : [itemId, itemId];
        await session.write(`UPDATE items SET ${price}${leader} WHERE ${itemKey} = ?`, values);
      }),
    );
  }

  /** An admin deletes an item, with its bids, in one transaction. */
  deleteItem(itemId: number): Promise<void> {
    return this.#sessions.run((session) =>
      session.transaction(async () => {
        await session.write('DELETE FROM watchlist WHERE item_id = ?', [itemId]);
        await session.write('DELETE FROM bids WHERE item_id = ?', [itemId]);
        await session.write(`DELETE FROM items WHERE ${this.#names.itemKey} = ?`, [itemId]);
      }),
    );
  }

  /** @param endTime epoch ms, earlier or later than before; the column keeps whole seconds. */
  async moveEndTime(itemId: number, endTime: number): Promise<void> {
    const sql = `UPDATE items SET end_time = FROM_UNIXTIME(?) WHERE ${this.#names.itemKey} = ?`;
    await this.#autocommit(sql, [wholeSeconds(endTime), itemId]);
  }

  async renameUser(userId: number, name: string): Promise<void> {
    await this.#autocommit(`UPDATE users SET name = ? WHERE ${this.#names.userKey} = ?`, [
      name,
      userId,
    ]);
  }

  /** @param suspendedUntil epoch ms; null for no date */
  async setUserStatus(
    userId: number,
    status: 'active' | 'suspended' | 'banned',
    suspendedUntil: number | null = null,
  ): Promise<void> {
    const until = suspendedUntil === null ? null : wholeSeconds(suspendedUntil);
    const sql = `UPDATE users SET status = ?, suspended_until = FROM_UNIXTIME(?)
      WHERE ${this.#names.userKey} = ?`;
    await this.#autocommit(sql, [status, until, userId]);
  }

  async watch(userId: number, itemId: number): Promise<void> {
    await this.#autocommit('INSERT INTO watchlist (user_id, item_id) VALUES (?, ?)', [
      userId,
      itemId,
    ]);
  }

  async unwatch(userId: number, itemId: number): Promise<void> {
    await this.#autocommit('DELETE FROM watchlist WHERE user_id = ? AND item_id = ?', [
      userId,
      itemId,
    ]);
  }

  async #bidInTransaction(session: PortalSession, bid: NewBid): Promise<number> {
    const effects = await this.#checkBid(session, bid, 'FOR UPDATE');
    const bidId = await this.#writeBid(session.write.bind(session), bid, effects);
    // Builds that write transactions also queue an event for a poller of their own.
    const queue = `INSERT INTO events (type, item_id, payload) VALUES ('bid', ?, '{}')`;
    await session.write(queue, [bid.itemId]);
    return bidId;
  }

  async #checkBid(
    session: PortalSession,
    bid: NewBid,
    lock: '' | 'FOR UPDATE',
  ): Promise<BidEffects> {
    const { itemKey, hasReserve } = this.#names;
    const amount = 'CAST(? AS DECIMAL(20,2))';
    const meets = hasReserve ? `COALESCE(reserve_met = 0 AND ${amount} >= reserve_price, 0)` : '0';
    const sql = `SELECT (status = 'active') AS is_active, (${amount} > current_price) AS is_above,
        COALESCE(TIMESTAMPDIFF(SECOND, NOW(), end_time), 0) AS seconds_left, ${meets} AS meets_reserve
      FROM items WHERE ${itemKey} = ? ${lock}`;
    const amounts = hasReserve ? [bid.amount, bid.amount] : [bid.amount];
    const [item] = await session.select(sql, [...amounts, bid.itemId]);
    if (item === undefined) throw new BidRejected('unknown_item');
    if (item['is_active'] !== 1) throw new BidRejected('not_active');
    const secondsLeft = Number(item['seconds_left']);
    if (secondsLeft <= 0) throw new BidRejected('past_end');
    if (item['is_above'] !== 1) throw new BidRejected('too_low');
    return {
      meetsReserve: item['meets_reserve'] === 1,
      isSoftClose: secondsLeft <= SOFT_CLOSE_SECONDS,
    };
  }

  async #writeBid(
    write: (sql: string, values: readonly (string | number | null)[]) => Promise<number>,
    bid: NewBid,
    effects: BidEffects,
  ): Promise<number> {
    const { itemKey, bidKey, hasHighestBidder, hasProxyBids } = this.#names;
    const { itemId, userId, amount } = bid;
    const bidId = hasProxyBids
      ? await write(
          `INSERT INTO bids (item_id, bidder_id, amount, max_bid, is_winning) VALUES (?, ?, ?, ?, 1)`,
          [itemId, userId, amount, bid.maxBid ?? null],
        )
      : await write('INSERT INTO bids (item_id, bidder_id, amount) VALUES (?, ?, ?)', [
          itemId,
          userId,
          amount,
        ]);
    if (hasProxyBids) {
      const others = `item_id = ? AND is_winning = 1 AND ${bidKey} <> ?`;
      await write(`UPDATE bids SET is_winning = 0 WHERE ${others}`, [itemId, bidId]);
    }
    const leader = hasHighestBidder ? ', highest_bidder_id = ?' : '';
    const leaderValues = hasHighestBidder ? [amount, userId, itemId] : [amount, itemId];
    const price = `UPDATE items SET current_price = ?${leader} WHERE ${itemKey} = ?`;
    await write(price, leaderValues);
    if (effects.meetsReserve) {
      await write(`UPDATE items SET reserve_met = 1 WHERE ${itemKey} = ?`, [itemId]);
    }
    if (effects.isSoftClose) {
      const later = `end_time = end_time + INTERVAL ${SOFT_CLOSE_SECONDS.toString()} SECOND`;
      await write(`UPDATE items SET ${later} WHERE ${itemKey} = ?`, [itemId]);
    }
    return bidId;
  }

  #autocommit(sql: string, values: readonly (string | number | null)[]): Promise<number> {
    return this.#sessions.run((session) => session.autocommit(sql, values));
  }
}

/** Epoch ms → whole epoch seconds, downwards as PHP's `date()` does. */
function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000);
}
