/**
 * `AuctionReads` over a real book and a map that stands for the tables.
 */
import { blankAuction, Book, type Auction, type AuctionView } from '../../../src/auction/book.ts';
import { itemIdOf, userIdOf, type ItemId, type UserId } from '../../../src/auction/ids.ts';
import { parseMoney } from '../../../src/auction/money.ts';
import type { AuctionStatus } from '../../../src/auction/row-change.ts';
import type { AuctionReads, FeedState, OwnBid, UserStanding } from '../../../src/ports.ts';

export interface AuctionSetup {
  readonly status?: AuctionStatus;
  readonly price?: string;
  readonly sellerId?: number;
  readonly leaderId?: number;
  readonly reserve?: string;
  readonly endTimeMs?: number;
  readonly bidCount?: number;
}

export class MemoryReads implements AuctionReads {
  readonly book = new Book({ leaderColumn: true, sellerColumn: true, reserveColumn: true });
  readonly standings = new Map<UserId, UserStanding>();
  readonly watchlists = new Map<UserId, readonly ItemId[]>();
  readonly ownBids = new Map<UserId, readonly OwnBid[]>();
  /** Items the tables hold and the book does not. */
  readonly #tables = new Map<ItemId, AuctionView>();
  /** Items asked of the tables, in order. */
  readonly itemsRead: string[] = [];
  feed: FeedState = { state: 'streaming', packetAtMs: Date.now(), committedAtMs: null };
  isSilent = false;
  /** When set, every read fails with it. */
  failure: Error | null = null;
  #gate: Promise<void> | null = null;

  /** Puts an auction into the book. */
  list(itemId: number, setup: AuctionSetup = {}): void {
    this.book.set(this.#auction(itemId, setup));
  }

  /** Puts an auction into the tables only. */
  table(itemId: number, setup: AuctionSetup = {}): void {
    this.#tables.set(itemIdOf(itemId), this.#auction(itemId, setup));
  }

  setStanding(userId: number, standing: UserStanding): void {
    this.standings.set(userIdOf(userId), standing);
  }

  /** Lets reads wait until the returned function is called. */
  holdReads(): () => void {
    let open = (): void => undefined;
    this.#gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return () => {
      this.#gate = null;
      open();
    };
  }

  async withItems<T>(
    itemIds: readonly ItemId[],
    take: (find: (itemId: ItemId) => AuctionView | null) => T,
  ): Promise<T> {
    const missing = itemIds.filter((itemId) => this.book.get(itemId) === undefined);
    this.itemsRead.push(...missing);
    await this.#gate;
    if (this.failure !== null) throw this.failure;
    return take((itemId) => this.book.get(itemId) ?? this.#tables.get(itemId) ?? null);
  }

  /** At once, as where it is cached, unless reads wait or fail. */
  readStanding(userId: UserId): UserStanding | null | Promise<UserStanding | null> {
    const read = (): UserStanding | null => this.standings.get(userId) ?? null;
    return this.#gate === null && this.failure === null ? read() : this.#later(read);
  }

  async readWatchlist(userId: UserId, max: number): Promise<readonly ItemId[]> {
    await this.#gate;
    if (this.failure !== null) throw this.failure;
    return (this.watchlists.get(userId) ?? []).slice(0, max);
  }

  async withOwnBids<T>(
    userId: UserId,
    max: number,
    take: (bids: readonly OwnBid[]) => T,
  ): Promise<T> {
    await this.#gate;
    if (this.failure !== null) throw this.failure;
    return take((this.ownBids.get(userId) ?? []).slice(0, max));
  }

  feedState(): FeedState {
    return this.feed;
  }

  isFresh(): boolean {
    return this.feed.state === 'streaming' && !this.isSilent;
  }

  async #later<T>(read: () => T): Promise<T> {
    await this.#gate;
    if (this.failure !== null) throw this.failure;
    return read();
  }

  #auction(itemId: number, setup: AuctionSetup): Auction {
    const auction = blankAuction(this.book.schema, itemIdOf(itemId), setup.status ?? 'active');
    auction.currentPrice = parseMoney(setup.price ?? '10.00');
    auction.endTimeMs = setup.endTimeMs ?? Date.UTC(2030, 0, 1);
    auction.sellerId = userIdOf(setup.sellerId ?? 900);
    auction.leaderId = setup.leaderId === undefined ? null : userIdOf(setup.leaderId);
    auction.reservePrice = setup.reserve === undefined ? null : parseMoney(setup.reserve);
    auction.bidCount = setup.bidCount ?? 0;
    return auction;
  }
}
