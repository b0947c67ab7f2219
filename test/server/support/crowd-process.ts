/**
 * The crowd of a hot item, in a process of its own: with the server's ends in the same one there would be two open files
 * for each. Started by {@link Crowd}; says `watching` when all watch, and, once the last of them has got the last event,
 * how many got each event once and in order.
 */
import type { Socket } from 'node:net';
import { connectRawWatcher } from '../../support/raw-watcher.ts';

/** What the crowd is to do. */
export interface CrowdOrder {
  readonly port: number;
  readonly token: string;
  readonly itemId: number;
  readonly watchers: number;
  /** `eventId`s to come, in their order. */
  readonly expected: readonly string[];
}

export type CrowdNews =
  { readonly type: 'watching' } | { readonly type: 'heard'; readonly inOrder: number };

/** Sockets that are connecting at once. */
const CONNECTING = 200;

class Member {
  readonly heard: string[] = [];
  readonly #order: CrowdOrder;
  readonly #subscribed: () => void;
  readonly #done: () => void;

  constructor(order: CrowdOrder, subscribed: () => void, done: () => void) {
    this.#order = order;
    this.#subscribed = subscribed;
    this.#done = done;
  }

  connect(): Promise<Socket> {
    const { port, token, itemId } = this.#order;
    const messages = [JSON.stringify({ action: 'subscribe', itemId })];
    const onText = (payload: Buffer): void => {
      this.#read(payload.toString());
    };
    return connectRawWatcher({ port, token, messages, onText });
  }

  #read(text: string): void {
    const { expected } = this.#order;
    if (text.includes('"subscribed"')) {
      this.#subscribed();
      return;
    }
    const eventId = expected.find((id) => text.includes(`"eventId":"${id}"`));
    this.heard.push(eventId ?? text);
    if (eventId === expected.at(-1)) this.#done();
  }
}

async function gather(order: CrowdOrder): Promise<void> {
  const missing = { subscribed: order.watchers, done: order.watchers };
  const members = Array.from(
    { length: order.watchers },
    () =>
      new Member(
        order,
        () => {
          missing.subscribed -= 1;
          if (missing.subscribed === 0) say({ type: 'watching' });
        },
        () => {
          missing.done -= 1;
          if (missing.done > 0) return;
          const inOrder = members.filter(({ heard }) => heard.join() === order.expected.join());
          say({ type: 'heard', inOrder: inOrder.length });
        },
      ),
  );
  for (let at = 0; at < members.length; at += CONNECTING) {
    await Promise.all(members.slice(at, at + CONNECTING).map((member) => member.connect()));
  }
}

function say(news: CrowdNews): void {
  process.send?.(news);
}

process.on('message', (order: CrowdOrder) => {
  void gather(order);
});
process.on('disconnect', () => process.exit());
