/**
 * The picture of the admin page, once a second, to whoever has it open. One look serves all of them; while nobody looks,
 * only a few totals are read, so that the page opens with the last two minutes drawn.
 */
import type { ServerResponse } from 'node:http';
import type { ItemId } from '../src/auction/ids.ts';
import type { PassedEvent } from './line-watch.ts';

const EVERY_MS = 1000;
const SAMPLES_MAX = 120;
/** Pages that may be open. */
const STREAMS_MAX = 16;
/** Unsent bytes past which a page is given up. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Totals since start, and what is open: what rates and curves are drawn from. Cheap to read. */
export interface LineTotals {
  readonly packets: number;
  readonly rowChanges: number;
  readonly transactions: number;
  readonly events: number;
  readonly frames: number;
  readonly bytes: number;
  readonly connections: number;
  /** Milliseconds; null while unknown. */
  readonly behindMs: number | null;
}

/** Everything at one moment but the totals; see `admin-page/picture.ts` for what the page makes of it. */
export type LinePicture = Readonly<Record<string, unknown>>;

/** One item, as somebody follows it. Nothing of its row. */
export interface FollowedItem {
  readonly itemId: ItemId;
  readonly isInBook: boolean;
  readonly watchers: number;
  readonly events: readonly PassedEvent[];
}

export interface AdminLiveDeps {
  readonly now: () => number;
  readonly totals: () => LineTotals;
  readonly picture: () => LinePicture;
  readonly follow: (itemId: ItemId) => FollowedItem;
}

interface Sample extends LineTotals {
  readonly atMs: number;
}

export class AdminLive {
  readonly #deps: AdminLiveDeps;
  readonly #samples: Sample[] = [];
  /** Open pages, with the item that each follows. */
  readonly #streams = new Map<ServerResponse, ItemId | null>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: AdminLiveDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#sample();
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, EVERY_MS).unref();
  }

  /** Ends all streams. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const response of this.#streams.keys()) response.end();
  }

  /** Makes a response a stream of pictures. False: too many are open; nothing was answered. */
  open(response: ServerResponse, itemId: ItemId | null): boolean {
    if (this.#streams.size >= STREAMS_MAX) return false;
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    response.on('close', () => this.#streams.delete(response));
    this.#streams.set(response, itemId);
    this.#send(response, { ...this.#deps.picture(), samples: this.#samples });
    return true;
  }

  #sample(): void {
    this.#samples.push({ atMs: this.#deps.now(), ...this.#deps.totals() });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  #tick(): void {
    this.#sample();
    if (this.#streams.size === 0) return;
    const picture = { ...this.#deps.picture(), samples: this.#samples.slice(-1) };
    for (const response of this.#streams.keys()) this.#send(response, picture);
  }

  #send(response: ServerResponse, picture: LinePicture): void {
    if (response.writableLength > BACKLOG_BYTES_MAX) {
      response.destroy();
      return;
    }
    const itemId = this.#streams.get(response) ?? null;
    const followed = itemId === null ? null : this.#deps.follow(itemId);
    response.write(`data: ${JSON.stringify({ ...picture, followed })}\n\n`);
  }
}
