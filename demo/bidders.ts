/**
 * The simulated bidders. They raise a price along with its auction's time, lose interest near the end (else the soft
 * close would keep it open for ever), and answer a visitor who takes the lead.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { AuctionHouse, OpenAuction } from './auction-house.ts';
import type { BiddingDesk } from './bidding-desk.ts';
import type { Person } from './page/listing.ts';

/** A price ends about here, as a share of the estimate. */
const FINAL_SHARE = 1.05;
const START_SHARE = 0.3;
const PAUSE_MS = { min: 250, max: 900 };
const RIVAL_MS = { min: 2500, max: 5500 };
/** How often bidders answer the visitor on one item. */
const RIVAL_ANSWERS_MAX = 4;

export interface BiddersOptions {
  readonly house: AuctionHouse;
  readonly people: readonly Person[];
  /** One connection each; as many bids can be under way at once. */
  readonly desks: readonly BiddingDesk[];
  /** Told of a failure that is not a refused bid. */
  readonly onFailure: (error: unknown) => void;
}

export class Bidders {
  readonly #options: BiddersOptions;
  readonly #stopping = new AbortController();
  readonly #answers = new Map<number, number>();
  readonly #running = new Set<Promise<void>>();
  /** Items a simulated bid is under way for: the bidders of a room see each other's hands. */
  readonly #busy = new Set<number>();

  constructor(options: BiddersOptions) {
    this.#options = options;
  }

  start(): void {
    for (const desk of this.#options.desks) this.#run(() => this.#work(desk));
  }

  /** Ends after the bids that are under way. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /** Lets a simulated bidder answer the visitor's bid a few seconds later. */
  answer(auction: OpenAuction): void {
    const answered = this.#answers.get(auction.itemId) ?? 0;
    const desk = this.#options.desks[0];
    if (desk === undefined || answered >= RIVAL_ANSWERS_MAX) return;
    this.#answers.set(auction.itemId, answered + 1);
    this.#run(async () => {
      await this.#pause(RIVAL_MS);
      const now = this.#options.house
        .openAuctions()
        .find(({ itemId }) => itemId === auction.itemId);
      if (now !== undefined && now.leader?.id === auction.leader?.id) await this.#bid(desk, now);
    });
  }

  async #work(desk: BiddingDesk): Promise<void> {
    for (;;) {
      await this.#pause(PAUSE_MS);
      const wanted = this.#options.house
        .openAuctions()
        .filter((auction) => !this.#busy.has(auction.itemId) && isWanted(auction, Date.now()));
      const auction = wanted[Math.floor(Math.random() * wanted.length)];
      // One failed bid is told and forgotten; this desk goes on.
      if (auction !== undefined) await this.#bid(desk, auction).catch(this.#options.onFailure);
    }
  }

  async #bid(desk: BiddingDesk, auction: OpenAuction): Promise<void> {
    const others = this.#options.people.filter(({ id }) => id !== auction.leader?.id);
    const bidder = others[Math.floor(Math.random() * others.length)];
    if (bidder === undefined) return;
    this.#busy.add(auction.itemId);
    try {
      await this.#options.house.placeBid(desk, {
        itemId: auction.itemId,
        bidder,
        amount: raisedBySome(auction.price),
        style: Math.random() < 0.5 ? 'transaction' : 'autocommit',
      });
    } finally {
      this.#busy.delete(auction.itemId);
    }
  }

  /** Rejects when the bidders are stopped, which ends whatever waits for it. */
  async #pause({ min, max }: { readonly min: number; readonly max: number }): Promise<void> {
    const ms = min + Math.random() * (max - min);
    await sleep(ms, undefined, { signal: this.#stopping.signal });
  }

  #run(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#options.onFailure(error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

/** Whether somebody would raise the price now: it lags behind what the auction's time so far is worth. */
export function isWanted(auction: OpenAuction, nowMs: number): boolean {
  if (nowMs < auction.quietUntilMs) return false;
  if (nowMs >= auction.coolsAtMs || nowMs >= auction.endsAtMs) return false;
  const length = auction.coolsAtMs - auction.openedAtMs;
  const progress = (nowMs - auction.openedAtMs) / length;
  const worth = auction.estimate * (START_SHARE + (FINAL_SHARE - START_SHARE) * progress);
  return auction.price < worth;
}

/** One or two per cent more, in steps that people would say. */
function raisedBySome(price: number): number {
  const step = price < 500 ? 1 : price < 2000 ? 5 : price < 10_000 ? 10 : 50;
  const raised = Math.ceil((price * (1.003 + Math.random() * 0.014)) / step) * step;
  return Math.max(raised, Math.floor(price) + 1);
}
