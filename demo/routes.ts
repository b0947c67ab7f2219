/** The demo's HTTP routes, on the same port as the sockets: the page, a session, bids, announcements. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AuctionHouse } from './auction-house.ts';
import type { BiddingDesk } from './bidding-desk.ts';
import type { FeedStreams } from './feed-streams.ts';
import type { PageFile } from './page-files.ts';
import { fieldsOf, numberOf, parseObject } from './page/json-fields.ts';
import type { Visitors } from './visitors.ts';

export interface RoutesDeps {
  readonly files: ReadonlyMap<string, PageFile>;
  readonly house: AuctionHouse;
  readonly visitors: Visitors;
  /** Where visitors' bids are placed. */
  readonly desk: BiddingDesk;
  readonly streams: FeedStreams;
  /** For example `MariaDB 10.11.14`. */
  readonly database: string;
  readonly onFailure: (error: unknown) => void;
}

const BODY_BYTES_MAX = 1024;
/** DECIMAL(10,2) holds a little less than a hundred million. */
const AMOUNT_MAX = 99_999_999;

/** The routes as the gateway takes them: true when the request was one of the demo's. */
export function createRoutes(
  deps: RoutesDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const file = deps.files.get(path);
    if (file !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
      response.writeHead(200, { 'content-type': file.contentType, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : file.body);
      return true;
    }
    const handle = handlerOf(`${request.method ?? ''} ${path}`);
    if (handle === null) return false;
    handle(deps, request, response).catch((error: unknown) => {
      deps.onFailure(error);
      if (response.headersSent) response.destroy();
      else answer(response, 500, { reason: 'The demo had a problem; its terminal says which.' });
    });
    return true;
  };
}

type Handler = (
  deps: RoutesDeps,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

function handlerOf(methodAndPath: string): Handler | null {
  switch (methodAndPath) {
    case 'GET /demo/session':
      return openSession;
    case 'GET /demo/feed':
      return openFeed;
    case 'POST /demo/bid':
      return placeBid;
    default:
      return null;
  }
}

async function openSession(
  { visitors, house, database }: RoutesDeps,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const visitor = await visitors.welcome();
  if (visitor === null) answer(response, 503, { reason: 'There are too many visitors.' });
  else answer(response, 200, { ...visitor, database, auctions: house.listings() });
}

function openFeed(
  { streams, house }: RoutesDeps,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  streams.open(response, house.listings());
  return Promise.resolve();
}

async function placeBid(
  { visitors, house, desk }: RoutesDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const bidder = visitors.recognise(request.headers.authorization);
  if (bidder === null) {
    answer(response, 401, { reason: 'This session is over; reload the page.' });
    return;
  }
  const fields = fieldsOf(parseObject(await readBody(request)));
  const itemId = numberOf(fields?.['itemId']);
  const amount = numberOf(fields?.['amount']);
  if (itemId === null || !Number.isSafeInteger(itemId) || amount === null || !isAmount(amount)) {
    answer(response, 400, { reason: 'Say an amount in dollars and cents.' });
    return;
  }
  const placed = await house.placeBid(desk, { itemId, bidder, amount, style: 'transaction' });
  answer(response, 200, placed); // a refusal too: it is an answer, not a fault for the browser's console
}

function isAmount(amount: number): boolean {
  return amount > 0 && amount <= AMOUNT_MAX && Number(amount.toFixed(2)) === amount;
}

/** The body as text, cut off past its bound: what is longer is no bid. */
async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) return '';
  }
  return text;
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
