/**
 * A listener of its own for operators: `/metrics`, `/healthz`, and a page that shows the line from binlog to sockets.
 * Whoever reaches it may look; whoever has the token may act.
 *
 * A port that is taken costs nobody the auctions: it is said in the log and tried again until it is free, which is also
 * how the metrics move to the new process in an upgrade.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { itemIdOf, userIdOf, type UserId } from '../src/auction/ids.ts';
import type { Log } from '../src/ports.ts';
import type { AdminLive } from './admin-live.ts';
import { loadPageFiles, type PageFile } from './admin-page-files.ts';
import { bind } from './listener.ts';

const RETRY_EVERY_MS = 1000;
const REQUEST_WITHIN_MS = 10_000;
const BODY_BYTES_MAX = 1024;
const ID_LENGTH_MAX = 64;

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
} as const;

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** What actions ask for; null: there are none. */
  readonly token: string | null;
}

export interface AdminActions {
  /** Closes a user's connections. @returns how many there were */
  disconnect(userId: UserId): number | Promise<number>;
  /** Begins a stop in good order. */
  drain(): void;
}

export interface AdminDeps {
  readonly log: Log;
  readonly live: AdminLive;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly actions: AdminActions;
}

export class Admin {
  readonly #options: AdminOptions;
  readonly #deps: AdminDeps;
  readonly #server: Server;
  #files: ReadonlyMap<string, PageFile> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(options: AdminOptions, deps: AdminDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#server = createServer(
      { headersTimeout: REQUEST_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          deps.log.error({ err: error }, 'admin request failed');
          if (response.headersSent) response.destroy();
          else reply(response, 500, { error: 'the log says why' });
        });
      },
    );
  }

  /** Binds, now or as soon as the port is free. */
  async start(): Promise<void> {
    this.#deps.live.start();
    await this.#bind(true);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#deps.live.stop();
    if (!this.#server.listening) return;
    await new Promise<void>((done) => {
      this.#server.close(() => {
        done();
      });
      this.#server.closeAllConnections();
    });
  }

  async #bind(isFirst: boolean): Promise<void> {
    const { log } = this.#deps;
    try {
      const { host, port } = await bind(this.#server, this.#options);
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port.toString()}/`;
      log.info({ url, text: `metrics and admin page on ${url}` }, 'admin listening');
    } catch (error) {
      if (this.#isStopped) return;
      const reason = error instanceof Error ? error.message : String(error);
      const text = `no metrics and no admin page yet: ${reason}. ADMIN_PORT chooses another port, ADMIN_PORT=off turns them off; trying again`;
      if (isFirst) log.error({ code: 'PORT_UNAVAILABLE', text }, 'admin not listening');
      this.#retry = setTimeout(() => void this.#bind(false), RETRY_EVERY_MS).unref();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    if (!isMeantForUs(request, this.#options.host)) {
      reply(response, 403, { error: 'ask for it by its address' });
      return;
    }
    const url = new URL(request.url ?? '/', 'http://admin');
    if (request.method === 'POST') await this.#act(url.pathname, request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') await this.#show(url, response);
    else reply(response, 405, { error: 'method not allowed' });
  }

  async #show(url: URL, response: ServerResponse): Promise<void> {
    const { metrics, live } = this.#deps;
    switch (url.pathname) {
      case '/healthz':
        reply(response, 200, { status: 'ok' });
        return;
      case '/metrics':
        response.writeHead(200, { 'Content-Type': metrics.contentType });
        response.end(await metrics.text());
        return;
      case '/live': {
        const item = url.searchParams.get('item') ?? '';
        const isItem = item !== '' && item.length <= ID_LENGTH_MAX;
        if (!live.open(response, isItem ? itemIdOf(item) : null)) {
          reply(response, 503, { error: 'too many pages are open' });
        }
        return;
      }
      case '/session':
        reply(response, 200, { canAct: this.#options.token !== null });
        return;
      default: {
        this.#files ??= loadPageFiles();
        const file = this.#files.get(url.pathname);
        if (file === undefined) {
          reply(response, 404, { error: 'not found' });
          return;
        }
        response.writeHead(200, { 'Content-Type': file.contentType });
        response.end(file.body);
      }
    }
  }

  async #act(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, actions } = this.#deps;
    const { token } = this.#options;
    if (token === null) {
      reply(response, 403, { error: 'ADMIN_TOKEN is not set: this page only shows' });
      return;
    }
    if (!isSameSecret(bearerOf(request), token)) {
      log.warn({ path }, 'admin token refused');
      reply(response, 401, { error: 'the token is not right' });
      return;
    }
    if (path === '/drain') {
      log.info({ action: 'drain' }, 'admin action');
      reply(response, 202, { status: 'draining' });
      actions.drain();
    } else if (path === '/disconnect') {
      const userId = userIn(await readBody(request));
      if (userId === null) {
        reply(response, 400, { error: 'userId is missing' });
        return;
      }
      const connections = await actions.disconnect(userId);
      log.info({ action: 'disconnect', userId, connections }, 'admin action');
      reply(response, 200, { connections });
    } else if (path === '/session') {
      reply(response, 200, { canAct: true });
    } else {
      reply(response, 404, { error: 'not found' });
    }
  }
}

/**
 * A page elsewhere can make its own name point at this machine and read what is on the loopback (DNS rebinding). So on a
 * loopback address only requests that name it as such are answered.
 */
function isMeantForUs(request: IncomingMessage, host: string): boolean {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (!isLoopback) return true;
  const named = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return named === 'localhost' || named === host || isIP(named) !== 0;
}

function bearerOf(request: IncomingMessage): string {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** Takes as long whatever is wrong. */
function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** `{"userId": 7}` or `{"userId": "7"}`. */
function userIn(body: string): UserId | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return null;
  }
  const userId =
    typeof parsed === 'object' && parsed !== null && 'userId' in parsed ? parsed.userId : null;
  if (typeof userId === 'number') return Number.isSafeInteger(userId) ? userIdOf(userId) : null;
  if (typeof userId !== 'string' || userId === '' || userId.length > ID_LENGTH_MAX) return null;
  return userIdOf(userId);
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) return '';
  }
  return text;
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(`${JSON.stringify(body)}\n`);
}
