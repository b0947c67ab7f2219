/**
 * The page's connection to Gavelcast, as any page would have it: the client does the work. Here are only the page's own
 * words for the states of the connection, and which items it watches.
 */
import {
  connect,
  type ConnectionStatus,
  type GavelcastClient,
  type WatchEvent,
} from '../../client/index.ts';

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'degraded' | 'refused';

export interface LiveOptions {
  readonly token: string;
  readonly onState: (state: LiveState) => void;
  readonly onEvent: (itemId: number, event: WatchEvent) => void;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #client: GavelcastClient;
  /** How to stop watching each item that is watched. */
  readonly #watched = new Map<number, () => void>();
  #hasBeenLive = false;

  /** Connects at once, and again by itself. */
  constructor(options: LiveOptions) {
    this.#options = options;
    this.#client = connect({ url: '/', getToken: () => options.token });
    this.#client.on('connection', (status) => {
      this.#changed(status);
    });
  }

  watch(itemIds: readonly number[]): void {
    for (const itemId of itemIds) {
      if (this.#watched.has(itemId)) continue;
      const stop = this.#client.watch(itemId, (event) => {
        this.#options.onEvent(itemId, event);
      });
      this.#watched.set(itemId, stop);
    }
  }

  unwatch(itemId: number): void {
    this.#watched.get(itemId)?.();
    this.#watched.delete(itemId);
  }

  /** Epoch ms by the server's clock. */
  serverNow(): number {
    return this.#client.serverNow();
  }

  #changed({ state }: ConnectionStatus): void {
    const { onState } = this.#options;
    switch (state) {
      case 'live':
      case 'degraded':
        this.#hasBeenLive = true;
        onState(state);
        return;
      case 'connecting':
        onState(this.#hasBeenLive ? 'reconnecting' : 'connecting');
        return;
      case 'reconnecting':
      case 'offline':
        onState('reconnecting');
        return;
      case 'stopped':
        onState('refused');
    }
  }
}
