/**
 * The demo's own announcements to its pages (server-sent events): auctions opened, and when each bid's COMMIT was sent.
 * A real portal has no such thing; the page needs it for its pictures and for measuring.
 */
import type { ServerResponse } from 'node:http';

import type { Listing } from './page/listing.ts';

const FLUSH_MS = 100;
const STREAMS_MAX = 200;
/** A page that reads no more is cut off; its browser comes back by itself. */
const BACKLOG_BYTES_MAX = 256 * 1024;

export class FeedStreams {
  readonly #streams = new Set<ServerResponse>();
  #commits: (readonly [number, number])[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** Opens a page's stream; its first message is everything that is on sale. */
  open(response: ServerResponse, listings: readonly Listing[]): void {
    if (this.#streams.size >= STREAMS_MAX) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 1000\n\n${eventText('listings', listings)}`);
    this.#streams.add(response);
    response.on('close', () => {
      this.#streams.delete(response);
    });
  }

  listed(listing: Listing): void {
    this.#send(eventText('listings', [listing]));
  }

  /** Commits go out together, a few times a second. */
  committed(bidId: number, commitSentAtMs: number): void {
    this.#commits.push([bidId, commitSentAtMs]);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send(eventText('commits', this.#commits));
      this.#commits = [];
    }, FLUSH_MS);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const response of this.#streams) response.destroy();
  }

  #send(text: string): void {
    for (const response of this.#streams) {
      if (response.writableLength > BACKLOG_BYTES_MAX) response.destroy();
      else response.write(text);
    }
  }
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
