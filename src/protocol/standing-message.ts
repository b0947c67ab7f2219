/**
 * `standing` and `watchers` (v2): how things stand for one user, and how many watch an item.
 */
import type { ItemId, Money } from '../auction/ids.ts';
import type { Zone } from '../auction/zone.ts';
import { booleanJson, idJson, jsonObject, moneyJson, numberJson, timeJson } from './wire-json.ts';

/** One live auction that the user has bid on. */
export interface StandingItem {
  readonly itemId: ItemId;
  /** He leads. */
  readonly leading: boolean;
  readonly currentPrice: Money | null;
  /** His highest bid. */
  readonly yourBidAmount: Money | null;
  readonly endTimeMs: number | null;
}

/** `standing`: sent on connecting where the user's missed events cannot be replayed. */
export function encodeStanding(
  items: readonly StandingItem[],
  legacyTimesZone: Zone | null,
): string {
  const json = items.map((item) =>
    jsonObject([
      ['itemId', idJson(item.itemId)],
      ['leading', booleanJson(item.leading)],
      ['currentPrice', moneyJson(item.currentPrice)],
      ['yourBidAmount', moneyJson(item.yourBidAmount)],
      ['endTime', timeJson(item.endTimeMs, legacyTimesZone)],
    ]),
  );
  return jsonObject([
    ['type', '"standing"'],
    ['items', `[${json.join(',')}]`],
  ]);
}

/** `watchers`: connections that watch an item. */
export function encodeWatchers(itemId: ItemId, count: number): string {
  return jsonObject([
    ['type', '"watchers"'],
    ['itemId', idJson(itemId)],
    ['count', numberJson(count)],
  ]);
}
