/** The panels under the line. */
import { byId, element, refill, table } from './dom.ts';
import { brief, bytes, clock, count, duration } from './format.ts';
import type { LogLine, PassedEvent, Picture } from './picture.ts';

export interface PanelsDeps {
  readonly follow: (itemId: string) => void;
  /** Null while actions are locked. */
  readonly disconnect: () => ((userId: string) => void) | null;
}

export class Panels {
  readonly #deps: PanelsDeps;
  readonly #hot = byId('hot', HTMLElement);
  readonly #slow = byId('slow', HTMLElement);
  readonly #events = byId('events', HTMLElement);
  readonly #sockets = byId('sockets', HTMLElement);
  readonly #lines = byId('lines', HTMLElement);
  readonly #followed = byId('followed', HTMLElement);

  constructor(deps: PanelsDeps) {
    this.#deps = deps;
  }

  show(picture: Picture): void {
    this.#showHot(picture);
    this.#showSlow(picture);
    refill(this.#events, this.#eventTable(picture.events, picture.databaseNowMs, 'Nothing yet.'));
    refill(this.#sockets, ...connectionsOf(picture));
    this.#showLines(picture);
    this.#showFollowed(picture);
  }

  #showHot({ hot }: Picture): void {
    const most = Math.max(1, ...hot.map(({ events }) => events));
    const rows = hot.map(({ itemId, events, watchers }) => [
      this.#followButton(itemId, `hot-${itemId}`),
      count(events),
      element('meter', {
        max: String(most),
        value: String(events),
        'aria-label': `events of item ${itemId}`,
      }),
      count(watchers),
    ]);
    const columns = [
      { title: 'Item', width: '24%' },
      { title: 'Events', width: '12%', class: 'number' },
      { title: '' },
      { title: 'Watchers', width: '16%', class: 'number' },
    ];
    refill(this.#hot, table(columns, rows, 'Nobody bids and nobody watches.'));
  }

  #showSlow({ slow }: Picture): void {
    const disconnect = this.#deps.disconnect();
    const rows = slow.map(({ userId, protocol, backlogBytes, items }, at) => {
      const cells: (Node | string)[] = [
        userId === null ? 'not known yet' : `user ${userId}`,
        bytes(backlogBytes),
        `${count(items)} · v${String(protocol)}`,
      ];
      if (disconnect === null) return cells;
      const key = `slow-${String(at)}`;
      const button = element('button', { class: 'button small quiet', 'data-key': key }, 'Cut');
      button.disabled = userId === null;
      button.addEventListener('click', () => {
        if (userId !== null) disconnect(userId);
      });
      return [...cells, button];
    });
    const columns = [
      { title: 'User' },
      { title: 'Backlog', width: '24%', class: 'number' },
      { title: 'Items', width: '24%', class: 'number' },
      ...(disconnect === null ? [] : [{ title: '', width: '4rem', class: 'number' }]),
    ];
    refill(this.#slow, table(columns, rows, 'Everybody takes what he is sent.'));
  }

  #showLines({ lines }: Picture): void {
    const rows = grouped(lines).map(({ line: { atMs, level, event, code, text }, times }) => [
      clock(atMs),
      element('span', { class: 'level', 'data-level': level }, level),
      element(
        'span',
        {},
        event,
        code === null ? '' : ` · ${code}`,
        times === 1 ? '' : element('span', { class: 'soft' }, ` × ${String(times)}`),
      ),
      element('span', { class: 'wrap soft' }, text ?? ''),
    ]);
    const columns = [
      { title: 'Time', width: '5.2rem' },
      { title: 'Level', width: '4.4rem' },
      { title: 'Event', width: '32%', class: 'wrap' },
      { title: 'In words', class: 'wrap' },
    ];
    refill(this.#lines, table(columns, rows, 'None since the start.'));
  }

  #showFollowed({ followed, databaseNowMs }: Picture): void {
    if (followed === null) return;
    const { itemId, isInBook, watchers, events } = followed;
    const place = isInBook ? 'in the book' : 'not in the book';
    const people = watchers === 1 ? '1 watcher' : `${count(watchers)} watchers`;
    const about = element('p', { class: 'note' }, `Item ${itemId}: ${place}, ${people}.`);
    refill(
      this.#followed,
      about,
      this.#eventTable(events, databaseNowMs, 'No recent event.', true),
    );
  }

  #eventTable(
    events: readonly PassedEvent[],
    nowMs: number,
    empty: string,
    isOfOne = false,
  ): HTMLElement {
    const rows = events.map(({ type, itemId, eventId, atMs }, at) => [
      type,
      ...(isOfOne ? [] : [itemId === null ? '–' : this.#followButton(itemId, `e-${String(at)}`)]),
      element('span', { class: 'mono', title: eventId }, eventId),
      duration(nowMs - atMs),
    ]);
    const columns = [
      { title: 'Type', width: '8.2rem' },
      ...(isOfOne ? [] : [{ title: 'Item', width: '4.5rem' }]),
      { title: 'Event id' },
      { title: 'Ago', width: '4.2rem', class: 'number' },
    ];
    return table(columns, rows, empty);
  }

  #followButton(itemId: string, key: string): HTMLElement {
    const title = `Follow item ${itemId}`;
    const button = element(
      'button',
      { class: 'link', type: 'button', title, 'data-key': key },
      itemId,
    );
    button.addEventListener('click', () => {
      this.#deps.follow(itemId);
    });
    return button;
  }
}

/** Lines that follow one another and say the same are one, with the time of the newest. */
function grouped(lines: readonly LogLine[]): readonly { readonly line: LogLine; times: number }[] {
  const groups: { readonly line: LogLine; times: number }[] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    const isSame =
      last?.line.event === line.event &&
      last.line.code === line.code &&
      last.line.text === line.text;
    if (last !== undefined && isSame) last.times += 1;
    else groups.push({ line, times: 1 });
  }
  return groups;
}

function connectionsOf({ sockets, process }: Picture): HTMLElement[] {
  const facts: readonly (readonly [string, string])[] = [
    ['Protocol v1', count(sockets.connectionsOpen - sockets.connectionsV2Open)],
    ['Protocol v2', count(sockets.connectionsV2Open)],
    ['Items watched', count(sockets.itemsWatched)],
    ['Recovered', `${count(sockets.recoveriesMet)} · ${count(sockets.recoveriesRefused)} by state`],
    ['Event loop, p99', brief(process.loopLagMs)],
    ['Memory', bytes(process.memoryBytes)],
  ];
  const ends: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
    ['Closed, by code', sockets.closesByCode],
    ['Tokens refused', sockets.tokenRefusals],
    ['Refused before the upgrade', sockets.upgradeRefusals],
  ];
  return [
    factList(facts),
    ...ends.flatMap(([title, counts]) => {
      const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
      if (entries.length === 0) return [];
      const shown = entries.map(
        ([word, value]) => [word.replaceAll('_', ' '), count(value)] as const,
      );
      return [element('h3', {}, title), factList(shown)];
    }),
  ];
}

function factList(facts: readonly (readonly [string, string])[]): HTMLElement {
  const cells = facts.flatMap(([name, value]) => [
    element('dt', {}, name),
    element('dd', {}, value),
  ]);
  return element('dl', { class: 'facts' }, ...cells);
}
