/**
 * The portal's web site as a visitor's browser meets it: pages, tokens and the SDK come from here, and everything else is
 * passed on to Gavelcast, as the portal's web server does it.
 */
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { extname, join } from 'node:path';

import { mintToken } from '../../support/auction-client.ts';

const PAGES = new URL('lot-page/', import.meta.url);
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/lot.css': 'lot.css',
  '/lot.js': 'lot.js',
};
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
};

export interface PortalSiteSetup {
  /** Where `gavelcast.global.js` was built. */
  readonly clientDirectory: string;
  /** Gavelcast's port; it need not listen at all times. */
  readonly gavelcastPort: number;
}

export class PortalSite implements AsyncDisposable {
  readonly #setup: PortalSiteSetup;
  readonly #http: Server;
  readonly #wires = new Set<Duplex>();
  /** False: WebSockets are refused, as by a proxy that does not know them. */
  takesSockets = true;
  /** What `/token` does: a token, nobody is signed in, or the portal's API is down. */
  tokens: 'given' | 'signed out' | 'unavailable' = 'given';
  /** How long a token is good. */
  tokenSeconds = 3_600;
  /** Tokens asked for. */
  tokensAsked = 0;
  /** WebSockets and event streams asked for. */
  socketsAsked = 0;
  streamsAsked = 0;
  url = '';

  private constructor(setup: PortalSiteSetup) {
    this.#setup = setup;
    this.#http = createServer((request, response) => {
      void this.#answer(request, response);
    });
    this.#http.on('connection', (wire: Duplex) => {
      this.#keep(wire);
    });
    this.#http.on('upgrade', (request: IncomingMessage, wire: Duplex) => {
      this.#upgrade(request, wire);
    });
  }

  static async open(setup: PortalSiteSetup): Promise<PortalSite> {
    const site = new PortalSite(setup);
    site.#http.listen(0, '127.0.0.1');
    await once(site.#http, 'listening');
    const address = site.#http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    site.url = `http://127.0.0.1:${address.port.toString()}`;
    return site;
  }

  /** Tears every connection, as a network does. */
  cutAll(): void {
    for (const wire of this.#wires) wire.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.cutAll();
    await closed;
  }

  #keep(wire: Duplex): void {
    this.#wires.add(wire);
    wire.once('close', () => this.#wires.delete(wire));
    // Whoever reads from it learns of its end by `close`.
    wire.on('error', () => undefined);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    response.setHeader('Cache-Control', 'no-store');
    if (pathname === '/token') {
      this.#answerToken(Number(searchParams.get('user')), response);
    } else if (pathname === '/events') {
      this.streamsAsked += 1;
      this.#passOn(request, response);
    } else if (pathname === '/gavelcast.global.js') {
      await sendFile(response, join(this.#setup.clientDirectory, pathname));
    } else {
      const file = FILES[pathname];
      if (file === undefined) response.writeHead(204).end();
      else await sendFile(response, new URL(file, PAGES).pathname);
    }
  }

  #answerToken(userId: number, response: ServerResponse): void {
    this.tokensAsked += 1;
    if (this.tokens === 'unavailable') response.writeHead(503).end();
    else if (this.tokens === 'signed out') response.writeHead(401).end();
    else response.end(mintToken(userId, { expiresIn: this.tokenSeconds }));
  }

  #passOn(request: IncomingMessage, response: ServerResponse): void {
    const { url: path, headers } = request;
    const port = this.#setup.gavelcastPort;
    const further = forward({ host: '127.0.0.1', port, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    further.once('error', () => response.writeHead(502).end());
    response.once('close', () => further.destroy());
    further.end();
  }

  #upgrade(request: IncomingMessage, wire: Duplex): void {
    this.socketsAsked += 1;
    if (!this.takesSockets) {
      wire.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      return;
    }
    const far = connect(this.#setup.gavelcastPort, '127.0.0.1');
    this.#keep(far);
    const lines: string[] = [`GET ${request.url ?? '/'} HTTP/1.1`];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      lines.push(`${request.rawHeaders[at] ?? ''}: ${request.rawHeaders[at + 1] ?? ''}`);
    }
    far.write(`${lines.join('\r\n')}\r\n\r\n`);
    far.pipe(wire).pipe(far);
    far.once('close', () => wire.destroy());
    wire.once('close', () => far.destroy());
  }
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  response.setHeader('Content-Type', CONTENT_TYPES[extname(path)] ?? 'text/plain');
  response.end(await readFile(path));
}
