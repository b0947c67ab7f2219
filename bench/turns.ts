/**
 * Several servers that are up at once and run by turns, so that what else the machine does hits all alike.
 */
import type { Run } from './contestant-server.ts';
import type { Rate, Stand } from './stand.ts';

interface Contestant<Name> {
  readonly name: Name;
  readonly stand: Stand;
  readonly rates: Rate[];
}

/** How long one runs before it is the next one's turn. */
const TURN_SECONDS = 0.25;

/**
 * Runs them by turns until each has had its seconds. Every second time backwards: none always comes after the same.
 *
 * @returns what each came to
 */
export async function inTurns<Name>(
  stands: ReadonlyMap<Name, Stand>,
  run: Omit<Run, 'type'>,
): Promise<(name: Name) => Rate> {
  const turns = Math.max(1, Math.round(run.seconds / TURN_SECONDS));
  const seconds = run.seconds / turns;
  const order = [...stands].map(([name, stand]): Contestant<Name> => ({ name, stand, rates: [] }));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const { stand, rates } of order) rates.push(await stand.run({ ...run, seconds }));
    order.reverse();
  }
  const rateOf = new Map(order.map(({ name, rates }) => [name, together(rates)]));
  return (name) => {
    const rate = rateOf.get(name);
    if (rate === undefined) throw new Error(`${String(name)} has not run`);
    return rate;
  };
}

/** What came of several runs, as if they had been one. */
function together(rates: readonly Rate[]): Rate {
  const sum = (value: (rate: Rate) => number): number =>
    rates.reduce((total, rate) => total + value(rate), 0);
  const deliveries = sum((rate) => rate.deliveries);
  const seconds = sum((rate) => rate.seconds);
  const cpuSeconds = sum((rate) => rate.cpuSeconds);
  return {
    type: 'ran',
    events: sum((rate) => rate.events),
    deliveries,
    seconds,
    waitedSeconds: sum((rate) => rate.waitedSeconds),
    cpuSeconds,
    serverCpuShare: cpuSeconds / seconds,
    generatorCpuShare: sum((rate) => rate.generatorCpuShare * rate.seconds) / seconds,
    deliveriesPerSecond: deliveries / seconds,
    deliveriesPerCpuSecond: deliveries / cpuSeconds,
  };
}
