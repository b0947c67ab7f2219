/** What deployment tests run against: one portal on MariaDB, and Gavelcast beside it. */
import { startGavelcast, type GavelcastProcess } from '../../support/gavelcast-process.ts';
import { setStage, type Stage } from '../../support/stage.ts';

const HOUR_MS = 3_600_000;

export interface Deployment {
  readonly stage: Stage;
  readonly gavelcast: GavelcastProcess;
  /** An active auction of a seller of its own. */
  newItem(): Promise<number>;
  newUser(): Promise<number>;
  bid(itemId: number, userId: number, amount: string): Promise<number>;
  stop(): Promise<void>;
}

/** @param extra environment of `serve` beside the source */
export async function deploy(extra: Record<string, string> = {}): Promise<Deployment> {
  const stage = await setStage('mariadb');
  const gavelcast = await startGavelcast(stage.source, extra);
  return {
    ...auctionsOf(stage),
    gavelcast,
    stop: async () => {
      await gavelcast.stop();
      await stage.stop();
    },
  };
}

/** The portal's side alone, for tests that start Gavelcast in a way of their own. */
export function auctionsOf(
  stage: Stage,
): Pick<Deployment, 'stage' | 'newItem' | 'newUser' | 'bid'> {
  const { portal } = stage;
  return {
    stage,
    newUser: () => portal.addUser({ name: 'Bob' }),
    newItem: async () => {
      const sellerId = await portal.addUser({ name: 'Sally', role: 'seller' });
      const endTime = Date.now() + HOUR_MS;
      return portal.addItem({ title: 'A clock', startingPrice: '10.00', endTime, sellerId });
    },
    bid: (itemId, userId, amount) =>
      portal.placeBid({ itemId, userId, amount, style: 'transaction' }),
  };
}
