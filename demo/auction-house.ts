/**
 * What is on sale in the demo: opens auctions, takes bids for them, closes them when their time has come, and opens new
 * ones in their place. All of it by SQL, as the portal does it; Gavelcast learns of it from the binlog alone.
 */
import {
  BidRejected,
  SOFT_CLOSE_SECONDS,
  type BidStyle,
  type Portal,
} from '../test/support/portal.ts';
import type { BiddingDesk } from './bidding-desk.ts';
import { LOTS, SELLERS, type Lot } from './catalogue.ts';
import { openingPlan, type OpeningPlan } from './opening-plan.ts';
import type { Listing, Person, PricePoint } from './page/listing.ts';

/** An auction as the simulated bidders see it. */
export interface OpenAuction {
  readonly itemId: number;
  readonly price: number;
  readonly leader: Person | null;
  readonly openedAtMs: number;
  /** Nobody bids before this. */
  readonly quietUntilMs: number;
  /** When interest in it is spent: bids after this are the exception. */
  readonly coolsAtMs: number;
  readonly endsAtMs: number;
  readonly estimate: number;
}

export interface HouseEvents {
  readonly onListing: (listing: Listing) => void;
  readonly onCommit: (bidId: number, commitSentAtMs: number) => void;
  readonly onBid: (auction: OpenAuction, bidder: Person) => void;
}

export interface NewBid {
  readonly itemId: number;
  readonly bidder: Person;
  /** Dollars, two digits after the point at most. */
  readonly amount: number;
  readonly style: BidStyle;
}

export type BidAnswer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

const POINTS_MAX = 120;
const REJECTIONS: Readonly<Record<BidRejected['reason'], string>> = {
  unknown_item: 'There is no such auction.',
  not_active: 'This auction is over.',
  past_end: 'This auction is over.',
  too_low: 'The price is already as high as that, or higher.',
};

interface Entry {
  readonly lot: Lot;
  readonly listing: Omit<Listing, 'bids'>;
  readonly plan: OpeningPlan;
  readonly bids: PricePoint[];
  price: number;
  leader: Person | null;
  endsAtMs: number;
}

export class AuctionHouse {
  readonly #portal: Portal;
  readonly #events: HouseEvents;
  readonly #entries = new Map<number, Entry>();
  readonly #sellerIds: number[] = [];
  #lotCount = 0;

  constructor(portal: Portal, events: HouseEvents) {
    this.#portal = portal;
    this.#events = events;
  }

  /**
   * Opens the first auctions, some of them well under way: their earlier bids are placed here and now, and the page
   * shows them as spread over the minutes before.
   */
  async openFirst(options: {
    readonly count: number;
    readonly bidders: readonly Person[];
    readonly desk: BiddingDesk;
  }): Promise<void> {
    for (const name of SELLERS) {
      this.#sellerIds.push(await this.#portal.addUser({ name, role: 'seller' }));
    }
    for (let index = 0; index < options.count; index += 1) {
      const plan = openingPlan(index, Date.now());
      const entry = await this.#open(plan);
      await this.#replay(entry, options);
      await this.#portal.moveEndTime(entry.listing.itemId, plan.endsAtMs);
    }
  }

  listings(): readonly Listing[] {
    return Array.from(this.#entries.values(), toListing);
  }

  openAuctions(): readonly OpenAuction[] {
    return Array.from(this.#entries.values(), toOpenAuction);
  }

  /** Places a bid on a desk's connection. Expected refusals are answers. */
  async placeBid(desk: BiddingDesk, bid: NewBid): Promise<BidAnswer> {
    const { itemId, bidder, amount, style } = bid;
    try {
      const placed = await desk.placeBid({ itemId, userId: bidder.id, amount, style });
      this.#events.onCommit(placed.bidId, placed.commitSentAtMs);
    } catch (error) {
      if (error instanceof BidRejected) return { ok: false, reason: REJECTIONS[error.reason] };
      throw error;
    }
    const entry = this.#entries.get(itemId);
    if (entry !== undefined) {
      record(entry, { atMs: Date.now(), amount, bidder });
      if (entry.endsAtMs - Date.now() <= SOFT_CLOSE_SECONDS * 1000) {
        entry.endsAtMs += SOFT_CLOSE_SECONDS * 1000;
      }
      this.#events.onBid(toOpenAuction(entry), bidder);
    }
    return { ok: true };
  }

  /** The cron job: closes what is over, and opens as many new auctions. */
  async completeDue(): Promise<void> {
    for (const { itemId } of await this.#portal.complete()) {
      if (!this.#entries.delete(itemId)) continue;
      const entry = await this.#open(openingPlan(null, Date.now()));
      this.#events.onListing(toListing(entry));
    }
  }

  async #open(plan: OpeningPlan): Promise<Entry> {
    const index = this.#lotCount;
    this.#lotCount += 1;
    const lot = pick(LOTS, index);
    const price = Math.max(1, Math.round(lot.estimate * plan.startShare));
    const itemId = await this.#portal.addItem({
      title: lot.title,
      startingPrice: price.toFixed(2),
      // One that is under way gets its end after its earlier bids, which would move it otherwise.
      endTime: plan.earlierBids > 0 ? Date.now() + SOFT_CLOSE_SECONDS * 2000 : plan.endsAtMs,
      sellerId: pick(this.#sellerIds, index),
      ...(plan.reserveShare !== null && {
        reservePrice: Math.round(lot.estimate * plan.reserveShare).toFixed(2),
      }),
    });
    const listing = {
      itemId,
      lot: 101 + index,
      title: lot.title,
      art: lot.art,
      seller: pick(SELLERS, index),
      startingPrice: price,
      openedAtMs: plan.openedAtMs,
      endsAtMs: plan.endsAtMs,
    };
    const entry = { lot, listing, plan, bids: [], price, leader: null, endsAtMs: plan.endsAtMs };
    this.#entries.set(itemId, entry);
    return entry;
  }

  async #replay(
    entry: Entry,
    { bidders, desk }: { readonly bidders: readonly Person[]; readonly desk: BiddingDesk },
  ): Promise<void> {
    const { plan, listing } = entry;
    if (bidders.length < 2) return;
    const untilMs = Math.min(plan.coolsAtMs, Date.now()) - listing.openedAtMs;
    for (let index = 1; index <= plan.earlierBids; index += 1) {
      const share = (index - Math.random() * 0.8) / plan.earlierBids;
      const target = entry.lot.estimate * (plan.startShare + (plan.heat - plan.startShare) * share);
      const amount = Math.max(entry.price + 1, Math.round(target));
      const others = bidders.filter(({ id }) => id !== entry.leader?.id);
      const bidder = pick(others, Math.floor(Math.random() * others.length));
      const { itemId } = listing;
      await desk.placeBid({ itemId, userId: bidder.id, amount, style: 'transaction' });
      record(entry, { atMs: listing.openedAtMs + untilMs * share, amount, bidder });
    }
  }
}

function record(entry: Entry, point: PricePoint): void {
  entry.bids.push(point);
  if (entry.bids.length > POINTS_MAX) entry.bids.shift();
  if (point.amount <= entry.price) return;
  entry.price = point.amount;
  entry.leader = point.bidder;
}

function toListing(entry: Entry): Listing {
  return { ...entry.listing, endsAtMs: entry.endsAtMs, bids: [...entry.bids] };
}

function toOpenAuction({ listing, plan, lot, price, leader, endsAtMs }: Entry): OpenAuction {
  const { itemId, openedAtMs } = listing;
  const { quietUntilMs, coolsAtMs } = plan;
  const { estimate } = lot;
  return { itemId, price, leader, openedAtMs, quietUntilMs, coolsAtMs, endsAtMs, estimate };
}

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error('picked from an empty list');
  return found;
}
