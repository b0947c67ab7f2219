/**
 * The history that `bench:recovery` recovers from: filled to the brim, and what an event in it costs in memory.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { BidPlaced, DomainEvent, LeaderOutbid } from '../src/auction/domain-event.ts';
import { bidIdOf, itemIdOf, userIdOf, type EventId, type Money } from '../src/auction/ids.ts';

/** Users who are outbid in turn. */
const USERS = 10_000;

let made = 0;

/** As long as the ids of a GTID source. */
function nextId(): EventId {
  made += 1;
  return `gAAAAAAAAAAAAAAAAAAAAAA${made.toString(36).padStart(6, '0')}.0.0.t4x2k1` as EventId;
}

/** The next bid on an item. */
export function bidOn(itemId: number): BidPlaced {
  const eventId = nextId();
  return {
    type: 'BidPlaced',
    eventId,
    itemId: itemIdOf(itemId),
    bidId: bidIdOf(made),
    bidderId: userIdOf(7),
    amount: '1234.50' as Money,
    placedAtMs: Date.now(),
    reserveMet: null,
    bidCount: made,
  };
}

function outbidOn(itemId: number): LeaderOutbid {
  const eventId = nextId();
  return {
    type: 'LeaderOutbid',
    eventId,
    itemId: itemIdOf(itemId),
    userId: userIdOf(1_000_000 + (made % USERS)),
    newBidAmount: '1234.50' as Money,
    yourBidAmount: '1230.50' as Money,
  };
}

export interface Filling {
  readonly publish: (event: DomainEvent) => void;
  readonly eventsMax: number;
  /** Where bids go that nobody has missed, each with its `outbid`. */
  readonly hot: number;
  /** The newest events of the ring: bids on items 1 … `items` in turn. */
  readonly missed: number;
  readonly items: number;
}

/** Fills the ring. @returns the id of the last event that was not missed. */
export function fill({ publish, eventsMax, hot, missed, items }: Filling): EventId {
  for (let at = 0; at + 2 < eventsMax - missed; at += 2) {
    publish(bidOn(hot));
    publish(outbidOn(hot));
  }
  const last = bidOn(hot);
  publish(last);
  for (let at = 0; at < missed; at += 1) publish(bidOn((at % items) + 1));
  return last.eventId;
}

/** Bytes this process holds on to, garbage aside. */
export function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  for (let round = 0; round < 3; round += 1) runInNewContext('gc()');
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
