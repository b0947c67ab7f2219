/**
 * React bindings: a provider that carries the client, and hooks that render what it knows. React is an optional peer.
 */
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from 'react';
import type { GavelcastClient } from './client.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { AuctionState, Id, WatchEvent } from './wire.ts';

const ClientContext = createContext<GavelcastClient | null>(null);

/** Makes a client (of `connect`) known to the hooks below it. Who made the client closes it. */
export function GavelcastProvider(props: {
  readonly client: GavelcastClient;
  readonly children?: ReactNode;
}): ReactElement {
  return createElement(ClientContext.Provider, { value: props.client }, props.children);
}

/**
 * The client itself, for `on` and the like.
 *
 * @throws Error outside a `GavelcastProvider`
 */
export function useGavelcast(): GavelcastClient {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('wrap the component in a <GavelcastProvider>');
  return client;
}

export interface WatchedAuction {
  /** Null until the server has told it, and on the server side of rendering. */
  readonly state: AuctionState | null;
  /** The last event of the item, for animations and messages; null before the first. */
  readonly lastEvent: WatchEvent | null;
}

/** Watches an item while the component is mounted, and renders it again with each of its events. */
export function useAuction(itemId: Id): WatchedAuction {
  const client = useGavelcast();
  const [last, setLast] = useState<{ readonly itemId: Id; readonly event: WatchEvent } | null>(
    null,
  );
  const subscribe = useCallback(
    (changed: () => void) => {
      const stops = [
        client.watch(itemId, (event) => {
          if (event.type !== 'state') setLast({ itemId, event });
          changed();
        }),
        // A changed source drops states without an event.
        client.on('connection', changed),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    [client, itemId],
  );
  const state = useSyncExternalStore(
    subscribe,
    () => client.state(itemId),
    () => null,
  );
  return { state, lastEvent: last?.itemId === itemId ? last.event : null };
}

/** Whole seconds until the item ends by the server's clock, rendered as they change; null: not known. */
export function useCountdown(itemId: Id): number | null {
  const client = useGavelcast();
  const { state } = useAuction(itemId);
  const [, setTick] = useState(0);
  const left = state === null ? null : client.countdown(itemId);
  useEffect(() => {
    if (left === null || left <= 0) return undefined;
    // Wakes just after the second changes.
    const timer = setTimeout(
      () => {
        setTick((tick) => tick + 1);
      },
      (left % 1) * 1000 + 20,
    );
    return () => {
      clearTimeout(timer);
    };
  });
  return left === null ? null : Math.ceil(left);
}

/** The connection, rendered as it changes. */
export function useConnection(): ConnectionStatus {
  const client = useGavelcast();
  const subscribe = useCallback(
    (changed: () => void) => client.on('connection', changed),
    [client],
  );
  const get = (): ConnectionStatus => client.connection;
  return useSyncExternalStore(subscribe, get, get);
}
