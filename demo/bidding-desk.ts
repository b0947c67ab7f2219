/**
 * One request at a time of the portal's API: a database connection, the portal's own SQL on it, and a stamp of the
 * moment at which the statement that commits a bid was sent.
 *
 * The stamp is where the page's commit-to-page latency begins, so it is taken at the connection itself: for a
 * transaction when COMMIT goes out, in autocommit when the INSERT of the bid does.
 */
import type { Connection } from 'mysql2/promise';

import { Portal, type BidStyle } from '../test/support/portal.ts';

export interface PlacedBid {
  readonly bidId: number;
  /** Epoch ms with fractions, by this machine's clock. */
  readonly commitSentAtMs: number;
}

export class BiddingDesk {
  readonly #portal: Portal;
  #commitSentAtMs = 0;

  /** @param connection used by this desk alone; its owner ends it */
  constructor(connection: Connection) {
    this.#stampCommits(connection);
    this.#portal = new Portal(connection, 'A');
  }

  /**
   * What the API does for one bid: checks, row, price and leader, reserve, soft close.
   *
   * @throws BidRejected what the API would answer with a 4xx
   */
  async placeBid(bid: {
    readonly itemId: number;
    readonly userId: number;
    readonly amount: number;
    readonly style: BidStyle;
  }): Promise<PlacedBid> {
    const bidId = await this.#portal.placeBid({ ...bid, amount: bid.amount.toFixed(2) });
    return { bidId, commitSentAtMs: this.#commitSentAtMs };
  }

  #stampCommits(connection: Connection): void {
    const stamp = (): void => {
      this.#commitSentAtMs = performance.timeOrigin + performance.now();
    };
    const commit = connection.commit.bind(connection);
    connection.commit = () => {
      stamp();
      return commit();
    };
    const query = connection.query.bind(connection);
    const stamped = (...parameters: readonly unknown[]): unknown => {
      const [sql] = parameters;
      if (typeof sql === 'string' && sql.startsWith('INSERT INTO bids')) stamp();
      const result: unknown = Reflect.apply(query, undefined, parameters);
      return result;
    };
    Object.assign(connection, { query: stamped });
  }
}
