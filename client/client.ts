/**
 * The client an application holds: who watches which item, where to resume, and what has been delivered.
 *
 * The position (`since`) is the last event delivered. It stands still from the moment a link opens until every item has
 * been confirmed: the user's own missed events come first, and a position among them, on a link that then falls, would
 * skip what the items have missed.
 */
import { Alarm } from './alarm.ts';
import { applyEvent } from './auction-state.ts';
import { Connection, type Hello } from './connection.ts';
import type { ConnectionStatus, ConnectOptions } from './connection-status.ts';
import type { Environment } from './environment.ts';
import { Handlers } from './handlers.ts';
import { SeenEvents } from './seen-events.ts';
import { newWatch, type Watch } from './watch.ts';
import type {
  AuctionEvent,
  AuctionState,
  ControlMessage,
  Id,
  ServerError,
  ServerMessage,
  Standing,
  StateEvent,
  WatchEvent,
  Watchers,
} from './wire.ts';

/** What `on` can be asked for, and what its handlers are given. */
export type ClientEvent =
  AuctionEvent | StateEvent | Watchers | Standing | ServerError | ConnectionStatus;
export type ClientEventType = ClientEvent['type'];
export type EventOf<Type extends ClientEventType> = Extract<ClientEvent, { type: Type }>;

type Subscribed = Extract<ControlMessage, { type: 'subscribed' }>;

/** Items in one subscribe message: well within 16 KiB and the server's 1,000. */
const ITEMS_PER_MESSAGE = 500;
/** Before the server is asked once more: after a refusal for haste, and where a slow link got only the newest bids. */
const ASK_AGAIN_MS = 1_000;

export class GavelcastClient {
  readonly #connection: Connection;
  readonly #seen = new SeenEvents();
  readonly #watches = new Map<string, Watch>();
  readonly #handlers = new Map<ClientEventType, Handlers<ClientEvent>>();
  readonly #wantsWatchers: boolean;
  readonly #askAgain: Alarm;
  /** Items to be unsubscribed, by key. */
  readonly #dropped = new Map<string, Id>();
  /** Items whose replay has not begun: while there are any, the position stands still. */
  readonly #awaited = new Set<string>();
  #since: string | null = null;
  #moves = 0;
  /** States told, of all items. */
  #states = 0;
  #isFlushDue = false;

  /** Use `connect`. */
  constructor(options: ConnectOptions, environment: Environment) {
    this.#wantsWatchers = options.watchers ?? false;
    this.#askAgain = new Alarm(environment);
    this.#connection = new Connection(options, environment, {
      resume: () => this.#resume(),
      opened: (hello) => {
        this.#opened(hello);
      },
      received: (message) => {
        this.#received(message);
      },
      dropState: () => {
        this.#dropState();
      },
      changed: (status) => {
        this.#emit(status);
      },
    });
    this.#connection.start();
  }

  /** Where the connection stands; `on('connection', …)` tells of changes. */
  get connection(): ConnectionStatus {
    return this.#connection.status;
  }

  /**
   * Watches an item. The handler gets its `state` first, then each event once, in commit order; and again `state` with
   * `reset: true` when events may have been missed.
   *
   * @returns how to stop; the server is told when nobody watches the item any more
   */
  watch(itemId: Id, handle: (event: WatchEvent) => void): () => void {
    const key = String(itemId);
    const watch = this.#watches.get(key) ?? newWatch(itemId, new Handlers());
    this.#watches.set(key, watch);
    const { handlers } = watch;
    const handler = handlers.add(handle);
    queueMicrotask(() => {
      const { state } = watch;
      if (state) handlers.tell(handler, { type: 'state', itemId, state, reset: false });
    });
    this.#flushSoon();
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#watches.get(key) !== watch) return;
      this.#watches.delete(key);
      if (watch.request !== 'due') this.#dropped.set(key, itemId);
      this.#flushSoon();
    };
  }

  /** Hears all events of one type, of whatever item; returns how to stop. */
  on<Type extends ClientEventType>(type: Type, handle: (event: EventOf<Type>) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Handlers();
    this.#handlers.set(type, handlers);
    // Only events of this type reach the handlers of this type.
    const handler = handlers.add(handle as (event: ClientEvent) => void);
    return () => {
      handlers.delete(handler);
    };
  }

  /** The state of a watched item with all events so far, or null; a new object whenever it changes. */
  state(itemId: Id): AuctionState | null {
    return this.#watches.get(String(itemId))?.state ?? null;
  }

  /** Epoch ms by the server's clock. */
  serverNow(): number {
    return this.#connection.clock.now();
  }

  /** Seconds until a watched item ends by the server's clock, with fractions, never below 0; null: not known. */
  countdown(itemId: Id): number | null {
    const endTime = this.state(itemId)?.endTime;
    if (!endTime) return null;
    return Math.max(0, Date.parse(endTime) - this.serverNow()) / 1000;
  }

  /** Closes the connection and forgets all handlers. For good: `connect` again for another. */
  close(): void {
    this.#askAgain.clear();
    this.#connection.close();
    this.#watches.clear();
    this.#handlers.clear();
    this.#dropped.clear();
  }

  #resume(): { since: string | null; itemIds: Id[] } {
    const watches = [...this.#watches.values()];
    for (const watch of watches) watch.request = 'sent';
    return { since: this.#since, itemIds: watches.map((it) => it.itemId) };
  }

  #opened({ lastEventId }: Hello): void {
    this.#askAgain.clear();
    this.#dropped.clear();
    this.#awaited.clear();
    const isStream = this.connection.transport === 'sse';
    for (const [key, watch] of this.#watches) {
      watch.heldEnd = null;
      // A stream has subscribed in its URL, but for what was added since then.
      if (!isStream) watch.request = 'due';
      if (!this.#canRecover(watch)) watch.joinedAtMove = Infinity;
      else if (isStream) this.#awaited.add(key);
    }
    if (this.#since === null) this.#moveTo(lastEventId);
    this.#flush();
  }

  #canRecover(watch: Watch): boolean {
    return this.#since !== null && watch.state !== null && watch.joinedAtMove < this.#moves;
  }

  #dropState(): void {
    this.#since = null;
    for (const watch of this.#watches.values()) watch.state = null;
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /** Tells the server what changed in who watches what, in as few messages as possible. */
  #flush(): void {
    if (!this.#connection.isOpen) return;
    const due = [...this.#watches].filter(([, watch]) => watch.request === 'due');
    if (this.connection.transport === 'sse') {
      this.#dropped.clear();
      if (due.length > 0) this.#connection.reopen();
      return;
    }
    for (const key of this.#watches.keys()) this.#dropped.delete(key);
    this.#sendInParts('unsubscribe', [...this.#dropped.values()]);
    this.#dropped.clear();
    const fresh: Id[] = [];
    const returning: Id[] = [];
    for (const [key, watch] of due) {
      watch.request = 'sent';
      if (this.#canRecover(watch)) this.#awaited.add(key);
      (this.#canRecover(watch) ? returning : fresh).push(watch.itemId);
    }
    const extra = this.#wantsWatchers ? { watchers: true } : {};
    this.#sendInParts('subscribe', returning, { ...extra, since: this.#since });
    this.#sendInParts('subscribe', fresh, extra);
  }

  #sendInParts(action: string, itemIds: Id[], extra: object = {}): void {
    for (let at = 0; at < itemIds.length; at += ITEMS_PER_MESSAGE) {
      this.#connection.send({
        action,
        itemIds: itemIds.slice(at, at + ITEMS_PER_MESSAGE),
        ...extra,
      });
    }
  }

  #received(message: ServerMessage): void {
    if (message.type === 'subscribed') this.#subscribed(message);
    else if (message.type === 'error') this.#refused(message);
    else if (message.type === 'standing') this.#emit(message);
    else if (message.type === 'watchers') this.#deliver(message);
    else if ('eventId' in message) this.#happened(message);
  }

  #subscribed({ itemId, state, recovered, lastEventId }: Subscribed): void {
    const key = String(itemId);
    const watch = this.#watches.get(key);
    const isContinuous = recovered === true && watch !== undefined && this.#canRecover(watch);
    this.#awaited.delete(key);
    // The server does not know the position any more: it can serve nobody.
    if (recovered === false) this.#since = null;
    // Before a replay, the last event is still to come.
    const isPosition = recovered !== true && this.#moveTo(lastEventId);
    if (watch) watch.request = 'answered';
    if (isContinuous) {
      watch.endAfterBids = state.bidCount;
      this.#releaseEnd(watch);
      return;
    }
    const reset = watch?.isKnown ?? false;
    this.#states += 1;
    if (watch) {
      watch.state = state;
      watch.stateNumber = this.#states;
      watch.isKnown = true;
      watch.joinedAtMove = isPosition ? this.#moves - 1 : this.#moves;
      watch.bidCountInState = state.bidCount;
    }
    this.#deliver({ type: 'state', itemId, state, reset });
    const end = watch?.heldEnd;
    // The state has it.
    if (end && this.#seen.add(end.eventId, this.#states) === 'first') this.#emit(end);
    if (watch) watch.heldEnd = null;
  }

  #refused(error: ServerError): void {
    const key = String(error.itemId);
    const watch = this.#watches.get(key);
    if (watch) watch.request = 'answered';
    this.#awaited.delete(key);
    // The rest of the message was refused with it: no replay of those will come.
    if (error.code === 'too_many_subscriptions') this.#awaited.clear();
    if (error.code === 'rate_limited') this.#askSoon();
    this.#deliver(error);
  }

  /** Asks for whatever is not answered by then; at most once a second. */
  #askSoon(): void {
    if (this.#askAgain.isSet) return;
    this.#askAgain.set(ASK_AGAIN_MS, () => {
      for (const it of this.#watches.values()) if (it.request === 'sent') it.request = 'due';
      this.#flush();
    });
  }

  #happened(event: AuctionEvent): void {
    const key = String(event.itemId);
    const watch = this.#watches.get(key);
    if (watch && event.type === 'auction_ended' && this.#awaited.has(key)) {
      // By name it comes ahead of the item's replay.
      watch.heldEnd = event;
      return;
    }
    if (!event.eventId.startsWith('~')) this.#moveTo(event.eventId);
    // An `outbid` changes no state: it is news once.
    const stateNumber = event.type === 'outbid' ? 0 : watch?.stateNumber;
    const novelty = this.#seen.add(event.eventId, stateNumber);
    if (novelty === 'repeated') return;
    if (watch?.state) {
      if (event.type === 'bid_retracted') watch.bidCountInState = 0;
      if (event.type === 'bid_update') {
        if (event.bidCount <= watch.bidCountInState) return;
        if (event.skipped || event.bidCount > watch.state.bidCount + 1) this.#passedOver(watch);
      }
      watch.state = applyEvent(watch.state, event);
      watch.handlers.tellAll(event);
      if (novelty === 'first') this.#emit(event);
      this.#releaseEnd(watch);
    } else if (novelty === 'first') {
      // Its state is on the way and has this event in it; those who watch the item wait for that.
      this.#emit(event);
    }
  }

  #releaseEnd(watch: Watch): void {
    const { heldEnd, state, endAfterBids } = watch;
    if (!heldEnd || !state || state.bidCount < endAfterBids) return;
    watch.heldEnd = null;
    this.#happened(heldEnd);
  }

  /**
   * Bids of the item were passed over because the link was slow, or fell while it was. The newest one need not be the
   * highest, so the state is asked for; and until it has come, no return is a continuous one.
   */
  #passedOver(watch: Watch): void {
    watch.joinedAtMove = Infinity;
    // A stream cannot ask; the next one begins with the state.
    if (this.connection.transport === 'sse') return;
    watch.request = 'sent';
    this.#askSoon();
  }

  #moveTo(eventId: string | null | undefined): boolean {
    if (!eventId || this.#awaited.size > 0) return false;
    this.#since = eventId;
    this.#moves += 1;
    return true;
  }

  #deliver(event: WatchEvent): void {
    this.#watches.get(String(event.itemId))?.handlers.tellAll(event);
    this.#emit(event);
  }

  #emit(event: ClientEvent): void {
    this.#handlers.get(event.type)?.tellAll(event);
  }
}
