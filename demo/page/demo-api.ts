/**
 * The demo's own HTTP routes, seen from the page: who the visitor is, which auctions there are, placing a bid as the
 * portal's API would. None of this is part of Gavelcast; a real portal has its own pages and API for it.
 */
import type { Listing, Person, PricePoint } from './listing.ts';
import { fieldsOf, numberOf, parseObject, textOf } from './json-fields.ts';

export interface Session {
  readonly user: Person;
  readonly token: string;
  /** What the bids are stored in, for example `MariaDB 10.11.14`. */
  readonly database: string;
  readonly auctions: readonly Listing[];
}

export type BidAnswer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface Feed {
  /** Auctions opened since, or all of them after the feed came back. */
  readonly onListings: (listings: readonly Listing[]) => void;
  /** Bid ids, each with the moment its COMMIT was sent, epoch ms by the clock of the machine that runs the demo. */
  readonly onCommits: (commits: ReadonlyMap<number, number>) => void;
}

/**
 * A user of the visitor's own, and what is on sale.
 *
 * @throws Error when the demo does not answer or its answer is not one
 */
export async function openSession(): Promise<Session> {
  const response = await fetch('/demo/session');
  const fields = fieldsOf(await response.json());
  const user = parsePerson(fields?.['user']);
  const token = textOf(fields?.['token']);
  if (fields === null || user === null || token === null) throw new Error('no session');
  return {
    user,
    token,
    database: textOf(fields['database']) ?? 'database',
    auctions: parseList(fields['auctions'], parseListing),
  };
}

/** Places a bid by SQL, as the portal's API would. Every failure is an answer with a reason a visitor can read. */
export async function placeBid(token: string, itemId: number, amount: number): Promise<BidAnswer> {
  try {
    const response = await fetch('/demo/bid', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ itemId, amount }),
    });
    const fields = parseObject(await response.text());
    if (fields?.['ok'] === true) return { ok: true };
    return { ok: false, reason: textOf(fields?.['reason']) ?? 'The bid was not taken.' };
  } catch {
    return { ok: false, reason: 'The demo server does not answer.' };
  }
}

/** Listens to what the demo itself announces. The browser reconnects it; the first message is always all auctions. */
export function openFeed({ onListings, onCommits }: Feed): void {
  const source = new EventSource('/demo/feed');
  source.addEventListener('listings', ({ data }: MessageEvent<unknown>) => {
    onListings(parseList(parseJson(data), parseListing));
  });
  source.addEventListener('commits', ({ data }: MessageEvent<unknown>) => {
    onCommits(new Map(parseList(parseJson(data), parsePair)));
  });
}

function parseJson(data: unknown): unknown {
  return typeof data === 'string' ? JSON.parse(data) : null;
}

function parseList<T>(value: unknown, parse: (entry: unknown) => T | null): readonly T[] {
  if (!Array.isArray(value)) return [];
  return value.map((entry: unknown) => parse(entry)).filter((entry) => entry !== null);
}

function parsePair(value: unknown): readonly [number, number] | null {
  const [first, second] = parseList(value, numberOf);
  return first === undefined || second === undefined ? null : [first, second];
}

function parsePerson(value: unknown): Person | null {
  const fields = fieldsOf(value);
  const id = numberOf(fields?.['id']);
  const name = textOf(fields?.['name']);
  return id === null || name === null ? null : { id, name };
}

function parsePoint(value: unknown): PricePoint | null {
  const fields = fieldsOf(value);
  const atMs = numberOf(fields?.['atMs']);
  const amount = numberOf(fields?.['amount']);
  const bidder = parsePerson(fields?.['bidder']);
  return atMs === null || amount === null || bidder === null ? null : { atMs, amount, bidder };
}

function parseListing(value: unknown): Listing | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const itemId = numberOf(fields['itemId']);
  if (itemId === null) return null;
  return {
    itemId,
    lot: numberOf(fields['lot']) ?? itemId,
    title: textOf(fields['title']) ?? `Item ${itemId}`,
    art: textOf(fields['art']) ?? '',
    seller: textOf(fields['seller']) ?? '',
    startingPrice: numberOf(fields['startingPrice']) ?? 0,
    openedAtMs: numberOf(fields['openedAtMs']) ?? 0,
    endsAtMs: numberOf(fields['endsAtMs']) ?? 0,
    bids: parseList(fields['bids'], parsePoint),
  };
}
