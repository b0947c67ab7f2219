/**
 * Whether clients may be sent here, as the metrics and the admin page say it: while `/readyz` answers 200.
 */
import type { Feed } from '../../cdc/feed.ts';
import type { Gateway } from '../../server/gateway-options.ts';
import type { WorkerPool } from '../../server/workers/worker-pool.ts';

interface Serving {
  readonly feed: Pick<Feed, 'feedState' | 'isFresh'>;
  readonly gateway: { readonly stats: () => Pick<ReturnType<Gateway['stats']>, 'isDraining'> };
  /** Null: the sockets are here. */
  readonly pool: Pick<WorkerPool, 'serving'> | null;
}

/** True while the stream from the database is live. */
export function isSourceUp({ feed }: Pick<Serving, 'feed'>): boolean {
  return feed.feedState().state === 'streaming' && feed.isFresh();
}

/** Without a worker that serves, nobody answers on the port. */
export function isReady({ feed, gateway, pool }: Serving): boolean {
  return isSourceUp({ feed }) && !gateway.stats().isDraining && pool?.serving !== 0;
}
