/** The line: five stations from the binlog to the sockets, each with its figure, facts and curve. */
import { element } from './dom.ts';
import { bytes, count, duration } from './format.ts';
import type { Picture, Sample } from './picture.ts';
import { Spark } from './spark.ts';

/** Samples that a shown rate is the mean of. */
const MEAN_OF = 3;

type State = 'good' | 'wait' | 'down';
type Fact = readonly [name: string, value: string, isBad?: boolean];

interface Shown {
  readonly figure: string;
  readonly unit: string;
  readonly facts: readonly Fact[];
  readonly curve: readonly number[];
  readonly state?: State;
  readonly flows: boolean;
}

type Counted = 'rowChanges' | 'transactions' | 'events' | 'frames' | 'bytes';

class Station {
  readonly node: HTMLElement;
  readonly #figure = element('p', { class: 'figure' });
  readonly #facts = element('dl', { class: 'facts' });
  readonly #spark = new Spark();

  constructor(title: string) {
    const id = `station-${title.toLowerCase()}`;
    const heading = element('h2', { id }, title);
    this.node = element('li', { class: 'station', 'aria-labelledby': id });
    this.node.append(heading, this.#figure, this.#facts, this.#spark.node);
  }

  show({ figure, unit, facts, curve, state = 'good', flows }: Shown): void {
    this.#figure.replaceChildren(figure, ' ', element('small', {}, unit));
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value, isBad = false]) => [
        element('dt', {}, name),
        element('dd', isBad ? { class: 'bad' } : {}, value),
      ]),
    );
    this.#spark.draw(curve);
    this.node.dataset['state'] = state;
    this.node.dataset['flows'] = flows ? 'yes' : 'no';
  }
}

export class Line {
  readonly #source = new Station('Source');
  readonly #tail = new Station('Tail');
  readonly #translate = new Station('Translate');
  readonly #hub = new Station('Hub');
  readonly #sockets = new Station('Sockets');
  #before: Picture | null = null;

  constructor(place: HTMLElement) {
    const stations = [this.#source, this.#tail, this.#translate, this.#hub, this.#sockets];
    place.replaceChildren(...stations.map(({ node }) => node));
  }

  show(picture: Picture, samples: readonly Sample[]): void {
    this.#source.show(sourceOf(picture, samples));
    this.#tail.show(tailOf(picture, samples));
    this.#translate.show(translateOf(picture, samples, this.#before));
    this.#hub.show(hubOf(picture, samples, this.#before));
    this.#sockets.show(socketsOf(picture, samples));
    this.#before = picture;
  }
}

function sourceOf({ source, feed }: Picture, samples: readonly Sample[]): Shown {
  const { state, packetAgeMs, haltedBy } = source;
  const retries = Object.values(feed.retries).reduce((sum, each) => sum + each, 0);
  const isStreaming = state === 'streaming';
  const behind = feed.behindMs;
  const hasStopped = isStreaming && feed.replicationRuns === false;
  return {
    figure: state.charAt(0).toUpperCase() + state.slice(1),
    unit: haltedBy ?? (hasStopped ? 'replication stopped' : ''),
    facts: [
      ['Behind', behind === null ? '–' : duration(behind), (behind ?? 0) > 10_000],
      [
        'Last packet',
        packetAgeMs === null ? '–' : duration(packetAgeMs),
        (packetAgeMs ?? 0) > 5000,
      ],
      ['Reconnects', count(retries)],
    ],
    // Less the second that the binlog's clock cannot tell.
    curve: samples.map(({ behindMs }) => Math.max(0, (behindMs ?? 0) - 1000)),
    state: state === 'halted' ? 'down' : isStreaming && !hasStopped ? 'good' : 'wait',
    flows: isStreaming,
  };
}

function tailOf({ feed }: Picture, samples: readonly Sample[]): Shown {
  const perSecond = rateOf(samples, 'transactions');
  return {
    figure: count(rateOf(samples, 'rowChanges')),
    unit: 'rows/s',
    facts: [
      ['Transactions', `${count(perSecond)}/s`],
      ['Waiting', bytes(feed.queuedBytes)],
      ['Positions lost', count(feed.positionsLost), feed.positionsLost > 0],
    ],
    curve: curveOf(samples, 'rowChanges'),
    flows: perSecond > 0,
  };
}

function translateOf(picture: Picture, samples: readonly Sample[], before: Picture | null): Shown {
  const { feed, book } = picture;
  const { translateMs } = feed;
  const perSecond = rateOf(samples, 'events');
  return {
    figure: count(perSecond),
    unit: 'events/s',
    facts: [
      ['Busy', share(picture, before, translateMs - (before?.feed.translateMs ?? 0))],
      ['Book', `${count(book)} ${book === 1 ? 'auction' : 'auctions'}`],
      feed.driftedAuctions > 0
        ? ['Drift', count(feed.driftedAuctions), true]
        : ['Overdue', count(feed.overdueNow), feed.overdueNow > 0],
    ],
    curve: curveOf(samples, 'events'),
    flows: perSecond > 0,
  };
}

function hubOf(picture: Picture, samples: readonly Sample[], before: Picture | null): Shown {
  const { sockets, publishMs } = picture;
  const perSecond = rateOf(samples, 'frames');
  return {
    figure: count(perSecond),
    unit: 'messages/s',
    facts: [
      ['Busy', share(picture, before, publishMs - (before?.publishMs ?? 0))],
      ['Subscriptions', count(sockets.subscriptionsOpen)],
      ['History', `${count(sockets.historyEvents)} · ${bytes(sockets.historyBytes)}`],
    ],
    curve: curveOf(samples, 'frames'),
    flows: perSecond > 0,
  };
}

function socketsOf({ sockets }: Picture, samples: readonly Sample[]): Shown {
  return {
    figure: count(sockets.connectionsOpen),
    unit: sockets.connectionsOpen === 1 ? 'client' : 'clients',
    facts: [
      ['Users', count(sockets.usersConnected)],
      ['Sent', `${bytes(rateOf(samples, 'bytes'))}/s`],
      ['Recovering', count(sockets.clientsCatchingUp)],
    ],
    curve: samples.map(({ connections }) => connections),
    flows: false,
  };
}

/** What part of one core went into it since the last picture. */
function share(picture: Picture, before: Picture | null, ms: number): string {
  const elapsedMs = before === null ? 0 : picture.atMs - before.atMs;
  if (elapsedMs <= 0) return '–';
  const percent = Math.min(100, (100 * ms) / elapsedMs);
  return `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} % of a core`;
}

function rateOf(samples: readonly Sample[], name: Counted): number {
  const newest = samples.at(-1);
  const older = samples.at(-1 - MEAN_OF) ?? samples[0];
  if (newest === undefined || older === undefined || newest.atMs <= older.atMs) return 0;
  return Math.max(0, ((newest[name] - older[name]) * 1000) / (newest.atMs - older.atMs));
}

function curveOf(samples: readonly Sample[], name: Counted): readonly number[] {
  return samples.slice(1).map((sample, at) => {
    const before = samples[at] ?? sample;
    const elapsedMs = Math.max(1, sample.atMs - before.atMs);
    return Math.max(0, ((sample[name] - before[name]) * 1000) / elapsedMs);
  });
}
