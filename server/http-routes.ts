/**
 * The plain HTTP routes beside the WebSocket: health, readiness, the portal's old push call, events.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuctionReads } from '../src/ports.ts';

export interface HttpRoutesDeps {
  readonly reads: AuctionReads;
  readonly isDraining: () => boolean;
  /** Server-sent events. */
  readonly events: (request: IncomingMessage, response: ServerResponse) => void;
  /** Answers further requests (the demo's files); false leaves one alone. */
  readonly staticRoutes: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
}

/** Answers every plain HTTP request: a named route, a static one, else 426 (this is a WebSocket server). */
export function createHttpRoutes(
  deps: HttpRoutesDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    switch (pathOf(request)) {
      case '/healthz':
        if (!allow(request, response, 'GET, HEAD')) return;
        answer(request, response, 200, { status: 'ok' });
        return;
      case '/readyz': {
        if (!allow(request, response, 'GET, HEAD')) return;
        const reason = unreadiness(deps);
        if (reason === null) answer(request, response, 200, { ready: true });
        else answer(request, response, 503, { ready: false, reason });
        return;
      }
      case '/notify':
        // The binlog is the only source of truth; the caller only waits for a 200.
        if (!allow(request, response, 'POST')) return;
        answer(request, response, 200, { status: 'ok' });
        return;
      case '/events':
        deps.events(request, response);
        return;
      default:
        if (deps.staticRoutes?.(request, response) === true) return;
        response.setHeader('Upgrade', 'websocket');
        response.setHeader('Connection', 'Upgrade');
        answer(request, response, 426, { error: 'this is a WebSocket server' });
    }
  };
}

/** Why no load balancer should send clients here, in words that give nothing away; null when it should. */
function unreadiness({ reads, isDraining }: HttpRoutesDeps): string | null {
  if (isDraining()) return 'draining';
  const feed = reads.feedState();
  switch (feed.state) {
    case 'starting':
    case 'connecting':
    case 'stopped':
      return `feed ${feed.state}`;
    case 'halted':
      return `feed halted: ${feed.code}`;
    case 'streaming':
      if (reads.isFresh()) return null;
      return feed.replicationStopped === true ? 'replication stopped' : 'feed silent';
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const queryAt = url.indexOf('?');
  return queryAt === -1 ? url : url.slice(0, queryAt);
}

function allow(request: IncomingMessage, response: ServerResponse, methods: string): boolean {
  if (methods.split(', ').includes(request.method ?? '')) return true;
  response.setHeader('Allow', methods);
  answer(request, response, 405, { error: 'method not allowed' });
  return false;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
): void {
  // Bodies mean nothing to us. They are read and dropped, whatever their size, so that the connection can be used
  // again; the server's request timeout bounds how long one may take.
  request.resume();
  // Nothing of ours is a page.
  response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  response.setHeader('Referrer-Policy', 'no-referrer');
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}
