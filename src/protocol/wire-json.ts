/**
 * Values as JSON text. Messages are built by hand, because an amount must keep exactly the digits of its column and
 * `JSON.stringify` would pass it through a float.
 */
import type { BidId, ItemId, Money, UserId } from '../auction/ids.ts';
import { epochMsToIso, epochMsToWallClock, type Zone } from '../auction/zone.ts';

const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/;

/** One message: fields with their values as JSON text, in this order. */
export function jsonObject(fields: readonly (readonly [name: string, json: string])[]): string {
  let json = '{';
  for (const [name, value] of fields) {
    json += `${json.length === 1 ? '' : ','}"${name}":${value}`;
  }
  return `${json}}`;
}

/** A key: a JSON number while it is a safe integer, else a string. */
export function idJson(id: ItemId | UserId | BidId | null): string {
  if (id === null) {
    return 'null';
  }
  return INTEGER.test(id) && Number.isSafeInteger(Number(id)) ? id : JSON.stringify(id);
}

/** An amount: a JSON number with exactly its digits. `Money` is canonical, so it is one already. */
export function moneyJson(amount: Money | null): string {
  return amount ?? 'null';
}

/** An instant of the database: ISO 8601, or in `legacyTimes` its wall clock as the old server sent it. */
export function timeJson(epochMs: number | null, legacyTimes: Zone | null): string {
  if (epochMs === null) {
    return 'null';
  }
  return legacyTimes === null ? isoJson(epochMs) : `"${epochMsToWallClock(epochMs, legacyTimes)}"`;
}

/** An instant of our own clock or of a token: always ISO 8601. */
export function isoJson(epochMs: number): string {
  return `"${epochMsToIso(epochMs)}"`;
}

export function textJson(text: string | null): string {
  return JSON.stringify(text);
}

export function booleanJson(value: boolean | null): string {
  return String(value);
}

export function numberJson(value: number): string {
  return JSON.stringify(value);
}
