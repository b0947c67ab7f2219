/**
 * `GET /events?items=1,2`: from an HTTP request to an open stream of server-sent events, or a refusal with a status.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ItemId } from '../src/auction/ids.ts';
import { ITEM_IDS_MAX, requestedItemIdSchema } from '../src/protocol/client-message-schema.ts';
import type { Wants } from './connection.ts';
import { readCredentials } from './credentials.ts';
import { createUnwrapper, EventStream } from './event-stream.ts';
import type { Door } from './door.ts';
import type { TokenRefusal, TokenVerifier } from './token-verifier.ts';

/** Time between two comments that keep proxies from closing an idle stream. */
const KEEPALIVE_EVERY_MS = 15_000;
const RETRY_AFTER_S = 5;

export interface EventStreamRouteDeps {
  readonly door: Door;
  readonly verify: TokenVerifier;
  readonly isDraining: () => boolean;
  readonly refused: () => void;
  /** Takes over the stream, which it opens. */
  readonly accepted: (stream: EventStream, asked: Asked) => void;
  /** A token was refused. */
  readonly tokenRefused: (addressKey: string | null, reason: TokenRefusal) => void;
}

interface Refusal {
  readonly status: 400 | 401 | 403 | 405 | 429 | 503;
  readonly error: string;
  readonly retryAfterSeconds?: number | null;
}

/** What an accepted request asks for. */
export interface Asked {
  readonly token: string;
  readonly wants: Wants;
  readonly wire: Socket;
  /** What limits count it by (client-address.ts). */
  readonly addressKey: string | null;
}

export class EventStreamRoute {
  readonly #deps: EventStreamRouteDeps;
  readonly #unwrap = createUnwrapper();
  readonly #streams = new Set<EventStream>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: EventStreamRouteDeps) {
    this.#deps = deps;
  }

  /**
   * Answers one request. A token that has expired gets 401, any other that is not good 403: the first is worth another
   * try with a new token.
   */
  handle(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    this.#allowOrigin(request, response);
    if (request.method === 'OPTIONS') {
      response.setHeader('Access-Control-Allow-Headers', 'Authorization, Last-Event-ID');
      response.setHeader('Access-Control-Max-Age', '600');
      response.writeHead(204).end();
      return;
    }
    void this.#judge(request).then((asked) => {
      if (response.destroyed) {
        if (!('status' in asked)) this.#deps.door.left(asked.addressKey);
        return;
      }
      if ('status' in asked) this.#refuse(response, asked);
      else this.#open(response, asked);
    });
  }

  /** Sends no more keepalives. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #open(response: ServerResponse, asked: Asked): void {
    const stream = new EventStream(response, this.#unwrap);
    this.#streams.add(stream);
    response.once('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.stop();
    });
    this.#timer ??= setInterval(() => {
      for (const each of this.#streams) each.writePing();
    }, KEEPALIVE_EVERY_MS);
    this.#deps.accepted(stream, asked);
  }

  async #judge(request: IncomingMessage): Promise<Refusal | Asked> {
    const { door } = this.#deps;
    if (request.method !== 'GET') return { status: 405, error: 'method not allowed' };
    const addressKey = door.addressKeyOf(request);
    const refusal = await door.refusalOf(request, addressKey);
    if (refusal !== null) {
      return { ...refusal, error: refusal.status === 403 ? 'origin' : 'no room now' };
    }
    const asked = await this.#understand(request, addressKey);
    if ('status' in asked) door.left(addressKey);
    return asked;
  }

  async #understand(request: IncomingMessage, addressKey: string | null): Promise<Refusal | Asked> {
    const { verify, isDraining, tokenRefused } = this.#deps;
    const url = request.url ?? '/';
    const { token, since } = readCredentials(url, request.headers);
    if (token === null) return { status: 401, error: 'unauthorized' };
    const verdict = await verify(token);
    // Keys may have had to be fetched.
    if (isDraining()) return { status: 503, error: 'no room now' };
    if (!verdict.ok) {
      tokenRefused(addressKey, verdict.reason);
      if (verdict.reason === 'unavailable') return { status: 503, error: 'no room now' };
      return { status: verdict.reason === 'expired' ? 401 : 403, error: 'unauthorized' };
    }
    const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
    const itemIds = itemIdsOf(query.get('items') ?? '');
    if (itemIds === null) return { status: 400, error: 'invalid_item_id' };
    const lastEventId = request.headers['last-event-id'];
    const position = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : since;
    return {
      token,
      wire: request.socket,
      addressKey,
      wants: {
        since: position,
        itemIds,
        watchlist: query.get('watchlist') === '1',
      },
    };
  }

  /** Pages of other origins read the stream with `fetch`; the token is in a header, so no cookie is involved. */
  #allowOrigin(request: IncomingMessage, response: ServerResponse): void {
    const { origin } = request.headers;
    if (origin === undefined || !this.#deps.door.isOriginWelcome(origin)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Vary', 'Origin');
  }

  #refuse(response: ServerResponse, { status, error, retryAfterSeconds }: Refusal): void {
    this.#deps.refused();
    if (status === 405) response.setHeader('Allow', 'GET, OPTIONS');
    const seconds = retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_S : null);
    if (seconds !== null) response.setHeader('Retry-After', seconds.toString());
    const text = `${JSON.stringify({ error })}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
  }
}

/** Distinct item ids, in the order given; null when one is none, or there are too many. */
function itemIdsOf(text: string): readonly ItemId[] | null {
  const itemIds = new Set<ItemId>();
  for (const part of text.split(',')) {
    if (part === '') continue;
    const parsed = requestedItemIdSchema.safeParse(part);
    if (!parsed.success || itemIds.size === ITEM_IDS_MAX) return null;
    itemIds.add(parsed.data);
  }
  return [...itemIds];
}
