/**
 * Everything the SDK takes from the browser (or from Node): sockets, timers, clock, chance, network and visibility.
 * Passed in, so that tests bring their own.
 */

/** One WebSocket, reduced to what is used. After `close()` no listener is called. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

export interface SocketListeners {
  message(text: string): void;
  /** Also when it never opened. */
  closed(code: number): void;
}

export type TimerId = ReturnType<typeof setTimeout>;

export interface Environment {
  openSocket(url: string, protocols: string[], listeners: SocketListeners): Socket;
  readonly fetch: typeof fetch;
  /** Resolves relative URLs; undefined outside a page. */
  readonly baseUrl: string | undefined;
  /** Epoch ms. */
  now(): number;
  /** 0 ≤ random < 1. */
  random(): number;
  setTimeout(callback: () => void, ms: number): TimerId;
  clearTimeout(timer: TimerId): void;
  isOnline(): boolean;
  isHidden(): boolean;
  /** Calls back when `isOnline` or `isHidden` may have changed; returns how to stop that. */
  onChange(callback: () => void): () => void;
}

interface Listenable {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** What a page has and Node may lack. */
interface Page {
  readonly document?: Listenable & { readonly visibilityState: string };
  readonly location?: { readonly href: string };
  readonly navigator?: { readonly onLine?: boolean; readonly userAgent?: string };
  readonly addEventListener?: Listenable['addEventListener'];
  readonly removeEventListener?: Listenable['removeEventListener'];
}

/** The page the script runs in; Node and workers too: always online there, never hidden. */
export function browserEnvironment(): Environment {
  const page: Page = globalThis;
  return {
    openSocket,
    fetch: (...request) => fetch(...request),
    baseUrl: page.location?.href,
    now: () => Date.now(),
    random: () => Math.random(),
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => {
      clearTimeout(timer);
    },
    isOnline: () => page.navigator?.onLine !== false,
    isHidden: () => page.document?.visibilityState === 'hidden',
    onChange(callback) {
      page.addEventListener?.('online', callback);
      page.addEventListener?.('offline', callback);
      page.document?.addEventListener('visibilitychange', callback);
      return () => {
        page.removeEventListener?.('online', callback);
        page.removeEventListener?.('offline', callback);
        page.document?.removeEventListener('visibilitychange', callback);
      };
    },
  };
}

function openSocket(url: string, protocols: string[], listeners: SocketListeners): Socket {
  const socket = new WebSocket(url, protocols);
  let isClosed = false;
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    if (!isClosed && typeof data === 'string') listeners.message(data);
  };
  socket.onclose = ({ code }) => {
    if (!isClosed) listeners.closed(code);
    isClosed = true;
  };
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close() {
      isClosed = true;
      socket.close();
    },
  };
}
