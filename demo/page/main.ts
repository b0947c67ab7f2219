/** The page: opens a session, connects, and hands every event to the parts that show it. */
import type { BidUpdate, WatchEvent } from '../../client/index.ts';
import { AuctionGrid } from './auction-grid.ts';
import { after, fromListing, personOf, type Auction } from './auction.ts';
import { BidRate, showAuctionCounts, showConnection, showLatency, showRate } from './dashboard.ts';
import { openFeed, openSession, placeBid, type BidAnswer, type Session } from './demo-api.ts';
import type { Listing } from './listing.ts';
import { DetailView } from './detail-view.ts';
import { byId, setText } from './dom.ts';
import { money, raised } from './format.ts';
import { LatencyMeter } from './latency-meter.ts';
import { Live, type LiveState } from './live.ts';
import { showOwnBids, showVisitor, tick } from './side-panels.ts';
import { installTheme } from './theme.ts';
import { Toasts } from './toasts.ts';

const TICK_MS = 250;
const FIGURES_MS = 1000;
const RETRY_SESSION_MS = 1500;
/** After going live the page is still being laid out, and replayed bids come late by nature: they measure nothing. */
const SETTLING_MS = 2000;

class Page {
  readonly #session: Session;
  readonly #auctions = new Map<number, Auction>();
  readonly #toasts = new Toasts(byId('toasts'));
  readonly #meter = new LatencyMeter();
  readonly #rate = new BidRate();
  readonly #isSameMachine = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
  #settledAtMs = Infinity;
  readonly #live: Live;
  readonly #grid: AuctionGrid;
  readonly #detail: DetailView;

  constructor(session: Session) {
    this.#session = session;
    const { user, token } = session;
    const bid = (itemId: number, amount: number): Promise<BidAnswer> =>
      placeBid(token, itemId, amount);
    const onOpen = (itemId: number): void => {
      this.#open(itemId);
    };
    this.#grid = new AuctionGrid(byId('auctions'), { user, placeBid: bid, onOpen });
    this.#detail = new DetailView({ user, placeBid: bid });
    this.#live = new Live({
      token,
      onState: (state) => {
        this.#connectionChanged(state);
      },
      onEvent: (itemId, event) => {
        this.#happened(itemId, event);
      },
    });
  }

  start(): void {
    const { user, database, auctions } = this.#session;
    document.body.append(this.#detail.element);
    showVisitor(byId('visitor'), user);
    setText(byId('source'), database);
    this.#addListings(auctions);
    this.#showOwnBids();
    openFeed({
      onListings: (listings) => {
        this.#addListings(listings);
      },
      onCommits: (commits) => {
        for (const [bidId, atMs] of commits) this.#meter.committed(bidId, atMs);
      },
    });
    setInterval(() => {
      this.#tick();
    }, TICK_MS);
    setInterval(() => {
      this.#showFigures();
    }, FIGURES_MS);
    this.#showFigures();
  }

  #happened(itemId: number, event: WatchEvent): void {
    const before = this.#auctions.get(itemId);
    if (before === undefined) return;
    const nowMs = this.#live.serverNow();
    const auction = after(before, event, { nowMs, user: this.#session.user });
    if (event.type === 'bid_update') this.#countBid(event, auction);
    this.#auctions.set(itemId, auction);
    this.#grid.show(auction, nowMs);
    this.#detail.show(auction, nowMs);
    if (event.type === 'outbid') this.#alertOutbid(auction, event.newBidAmount);
    if (event.type === 'auction_ended') this.#alertEnded(auction);
    if (auction.ownBid !== null) this.#showOwnBids();
  }

  #countBid(bid: BidUpdate, { listing }: Auction): void {
    const isMeasured = this.#isSameMachine && Date.now() > this.#settledAtMs;
    const nowMs = performance.timeOrigin + performance.now();
    const bidder = personOf(bid.bidderId, bid.bidderName);
    if (isMeasured) this.#meter.arrived(Number(bid.bidId), nowMs);
    this.#rate.add(Date.now());
    tick(byId('ticker'), {
      bidder,
      amount: bid.bidAmount,
      title: listing.title,
      isOwn: bidder.id === this.#session.user.id,
    });
  }

  #alertOutbid({ listing }: Auction, amount: number): void {
    const { itemId, title, art } = listing;
    const next = raised(amount);
    this.#toasts.show({
      kind: 'outbid',
      key: `item-${itemId}`,
      art,
      title: 'You have been outbid',
      text: `${title} is at ${money(amount)}`,
      action: {
        label: `Bid ${money(next)}`,
        run: () => {
          void this.#bidAgain(itemId, next);
        },
      },
    });
  }

  async #bidAgain(itemId: number, amount: number): Promise<void> {
    const answer = await placeBid(this.#session.token, itemId, amount);
    if (answer.ok) return;
    this.#toasts.show({
      kind: 'note',
      key: `item-${itemId}`,
      art: null,
      title: 'Bid not taken',
      text: answer.reason,
      action: null,
    });
  }

  #alertEnded({ listing, ending, ownBid }: Auction): void {
    if (ending === null || ownBid === null) return;
    const isWon = ending.winner?.id === this.#session.user.id;
    this.#toasts.show({
      kind: isWon ? 'won' : 'note',
      key: `item-${listing.itemId}`,
      art: listing.art,
      title: isWon ? 'You won' : 'Auction over',
      text:
        ending.winner === null
          ? `${listing.title} was not sold`
          : `${listing.title}, ${money(ending.finalPrice ?? 0)}${isWon ? '' : ` to ${ending.winner.name}`}`,
      action: null,
    });
  }

  #connectionChanged(state: LiveState): void {
    showConnection(state);
    this.#settledAtMs = state === 'live' ? Date.now() + SETTLING_MS : Infinity;
    if (state === 'reconnecting') this.#meter.restart();
    if (state === 'refused') location.reload(); // the demo was started anew: its users are others
  }

  #addListings(listings: readonly Listing[]): void {
    const fresh = listings.filter(({ itemId }) => !this.#auctions.has(itemId));
    const nowMs = this.#live.serverNow();
    for (const listing of fresh) {
      const auction = fromListing(listing, this.#session.user);
      this.#auctions.set(listing.itemId, auction);
      this.#grid.add(auction, nowMs);
    }
    this.#live.watch(fresh.map(({ itemId }) => itemId));
  }

  #open(itemId: number): void {
    const auction = this.#auctions.get(itemId);
    if (auction !== undefined) this.#detail.open(auction, this.#live.serverNow());
  }

  #showOwnBids(): void {
    const own = [...this.#auctions.values()].filter(({ ownBid }) => ownBid !== null).toReversed();
    showOwnBids(byId('own-bids'), own, {
      user: this.#session.user,
      onOpen: (itemId) => {
        this.#open(itemId);
      },
    });
  }

  #tick(): void {
    const nowMs = this.#live.serverNow();
    for (const itemId of this.#grid.tick(nowMs)) this.#live.unwatch(itemId);
    const open = this.#detail.itemId === null ? undefined : this.#auctions.get(this.#detail.itemId);
    if (open !== undefined) this.#detail.show(open, nowMs);
  }

  #showFigures(): void {
    showLatency(this.#meter.summary(), this.#isSameMachine);
    showRate(this.#rate, Date.now());
    showAuctionCounts([...this.#auctions.values()], this.#session.user, this.#live.serverNow());
  }
}

async function run(): Promise<void> {
  installTheme(byId('theme'));
  showConnection('connecting');
  try {
    new Page(await openSession()).start();
  } catch {
    showConnection('reconnecting');
    setTimeout(() => void run(), RETRY_SESSION_MS);
  }
}

await run();
