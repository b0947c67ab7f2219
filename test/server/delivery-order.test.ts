/** The order of what leaves, whatever the sockets do: clients that stall, drain, come back and wait for their slice. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CatchUps, type SlowReason } from '../../server/catch-ups.ts';
import { Connection, type ConnectionHost } from '../../server/connection.ts';
import { textFrame } from '../../server/frame.ts';
import { Hub } from '../../server/hub.ts';
import { RateBucket } from '../../server/rate-bucket.ts';
import type { Transport } from '../../server/transport.ts';
import { TurnBatch } from '../../server/turn-batch.ts';
import { itemIdOf, userIdOf, type EventId } from '../../src/auction/ids.ts';
import type { WireEvent } from '../../src/protocol/event-message.ts';
import { History } from '../../src/topics/history.ts';
import { decodeFrames } from './support/frame-decoder.ts';

const LIMITS = { unsentBytesMax: 200, owedBytesMax: 1_000_000, stalledMsMax: 60_000 };
const ITEMS = [1, 2, 3];
const CLIENTS = 3;

/** A socket in memory: it takes everything, or nothing until it is drained. */
class MemoryTransport implements Transport {
  readonly receivedBytes = 0;
  readonly queuedBytes = 0;
  isOpen = true;
  isStalled = false;
  taken = Buffer.alloc(0);
  #unsent = Buffer.alloc(0);
  #drained: (() => void)[] = [];

  get backlogBytes(): number {
    return this.#unsent.length;
  }

  get texts(): string[] {
    return decodeFrames(this.taken).map(({ payload }) => payload.toString());
  }

  writeFrames(frames: Buffer): number {
    if (this.isStalled) this.#unsent = Buffer.concat([this.#unsent, frames]);
    else this.taken = Buffer.concat([this.taken, frames]);
    return this.backlogBytes;
  }

  drain(): void {
    this.taken = Buffer.concat([this.taken, this.#unsent]);
    this.#unsent = Buffer.alloc(0);
    const drained = this.#drained;
    this.#drained = [];
    for (const callback of drained) callback();
  }

  onceDrained(callback: () => void): void {
    this.#drained.push(callback);
  }

  close(): void {
    this.isOpen = false;
  }

  writePing(): void {
    throw new Error('no heartbeat here');
  }

  terminate(): void {
    this.isOpen = false;
  }

  pause(): void {
    // Nothing is read here.
  }

  resume(): void {
    // Nothing is read here.
  }
}

interface Published {
  readonly sequence: number;
  readonly itemId: number;
  readonly kind: 'bid_update' | 'auction_ending' | 'auction_extended' | 'outbid';
  /** The client of whom it is the own event; null: the watchers'. */
  readonly owner: number | null;
}

interface Joined {
  readonly after: number;
  readonly liveAfter: number;
}

/** The sockets side without sockets. */
class Deliveries {
  readonly published: Published[] = [];
  readonly closes: SlowReason[] = [];
  readonly clients: readonly { readonly connection: Connection; readonly wire: MemoryTransport }[];
  /** For each client and item, the sequences after which it gets all that is kept, and what is live. */
  readonly joined = Array.from({ length: CLIENTS }, () => new Map<number, Joined>());
  conflated = 0;
  readonly #hub = new Hub(new History({ eventsMax: 10_000, bytesMax: 1e9, ageMaxMs: 1e9 }));
  readonly #catchUps = new CatchUps({
    history: this.#hub.history,
    limits: LIMITS,
    monotonicMs: () => performance.now(),
    replayed: () => undefined,
    conflated: (events) => (this.conflated += events),
    tooSlow: (connection, reason) => {
      this.closes.push(reason);
      connection.close(4002);
    },
  });

  constructor() {
    const bulk = new TurnBatch();
    const host: ConnectionHost = {
      batch: bulk,
      unsentBytesMax: LIMITS.unsentBytesMax,
      received: () => undefined,
      controlReceived: () => true,
      leaving: (connection) => {
        this.#catchUps.remove(connection);
        this.#hub.remove(connection);
      },
      gone: () => undefined,
      wrote: () => undefined,
      fellBehind: (connection) => {
        this.#catchUps.fellBehind(connection);
      },
      owes: (connection, bytes) => {
        this.#catchUps.owes(connection, bytes);
      },
    };
    this.clients = Array.from({ length: CLIENTS }, (_, at) => {
      const wire = new MemoryTransport();
      const bucket = new RateBucket({ perSecond: 1, burst: 1 }, 0);
      const connection = new Connection(host, { socket: wire, isV2: at > 0, bucket });
      connection.identify({ userId: userIdOf(at + 1), expiresAtMs: 1 });
      this.#hub.add(connection);
      connection.coverage.userAfter = 0;
      connection.enter('admitted');
      return { connection, wire };
    });
  }

  publish(kind: Published['kind'], itemId: number, owner: number): void {
    const sequence = this.published.length + 1;
    const isOwn = kind === 'outbid';
    this.published.push({ sequence, itemId, kind, owner: isOwn ? owner : null });
    const eventId = `e${String(sequence)}` as EventId;
    const event: WireEvent = {
      json: `{"type":"${kind}","eventId":"${eventId}","itemId":${String(itemId)}}`,
      eventId,
      type: kind,
      itemId: itemIdOf(itemId),
      v2Only: false,
      audience: {
        itemId: isOwn ? null : itemIdOf(itemId),
        userIds: isOwn ? [userIdOf(owner + 1)] : [],
      },
      ephemeral: kind === 'auction_ending',
      conflatable: kind === 'auction_ending' || kind === 'bid_update',
    };
    // An event of the clock that nobody watches is nobody's: it is not kept, so it has no place.
    if (event.ephemeral && this.#hub.watchersOf(event.itemId) === 0) this.published.pop();
    else this.#hub.deliver(event, { committedAtMs: 0, nowMs: 0 });
  }

  subscribe(client: number, itemId: number): void {
    const { connection } = this.#of(client);
    // As the server has it: whoever is on his way is answered when he has arrived.
    if (connection.way !== null || connection.isClosing()) return;
    if (this.#joinedOf(client).has(itemId)) return;
    const { newest } = this.#hub.history;
    this.#joinedOf(client).set(itemId, { after: newest, liveAfter: newest });
    this.#hub.subscribe(connection, itemIdOf(itemId));
  }

  /** Comes back to an item it has never watched, having missed the last `missed` events. */
  recover(client: number, itemId: number, missed: number): void {
    const { connection } = this.#of(client);
    if (connection.way !== null || connection.isClosing()) return;
    if (this.#joinedOf(client).has(itemId)) return;
    const { newest } = this.#hub.history;
    const after = Math.max(0, newest - missed);
    this.#joinedOf(client).set(itemId, { after, liveAfter: newest });
    const itemIds = [itemIdOf(itemId)];
    this.#catchUps.begin(connection, { after, itemIds, ofUser: false });
    this.#hub.subscribe(connection, itemIdOf(itemId), after);
    void this.#catchUps.run(connection);
  }

  tell(text: string): void {
    const frame = textFrame(text);
    for (const { connection } of this.clients) connection.tell(frame, 'bulk');
  }

  /** Every socket takes what it is given, until there is nothing left to give. */
  async settle(): Promise<void> {
    for (const { wire } of this.clients) wire.isStalled = false;
    for (let turn = 0; turn < 4; turn += 1) {
      for (const { wire } of this.clients) wire.drain();
      await aTurn();
    }
    while (this.#catchUps.slow + this.#catchUps.recovering > 0) await aTurn();
    this.#catchUps.stop();
  }

  #of(client: number): { readonly connection: Connection; readonly wire: MemoryTransport } {
    const found = this.clients[client];
    if (found === undefined) throw new Error('no such client');
    return found;
  }

  #joinedOf(client: number): Map<number, Joined> {
    const found = this.joined[client];
    if (found === undefined) throw new Error('no such client');
    return found;
  }
}

function aTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

interface Heard {
  readonly sequence: number;
  readonly skipped: number;
  readonly type: string;
  readonly itemId: number;
}

function heardBy(wire: MemoryTransport): Heard[] {
  return wire.texts
    .map((text) => JSON.parse(text) as Record<string, unknown>)
    .filter((message) => 'eventId' in message)
    .map(({ eventId, skipped, type, itemId }) => ({
      sequence: Number(String(eventId).slice(1)),
      skipped: Number(skipped ?? 0),
      type: String(type),
      itemId: Number(itemId),
    }));
}

const client = fc.nat(CLIENTS - 1);
const item = fc.constantFrom(...ITEMS);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      kind: fc.constantFrom<Published['kind']>(
        'bid_update',
        'bid_update',
        'auction_ending',
        'auction_extended',
        'outbid',
      ),
      item,
      client,
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall' as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('drain' as const), client, goesOn: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('subscribe' as const), client, item }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('recover' as const), client, item, missed: fc.nat(30) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tell' as const) }) },
);

test('[law] commit order, each event that must be delivered once, the newest of the rest with what it stands for', async () => {
  let conflated = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const deliveries = new Deliveries();
      let told = 0;
      for (const it of steps) {
        if (it.do === 'turn') await aTurn();
        else if (it.do === 'publish')
          for (let n = 0; n < it.times; n += 1) deliveries.publish(it.kind, it.item, it.client);
        else if (it.do === 'subscribe') deliveries.subscribe(it.client, it.item);
        else if (it.do === 'recover') deliveries.recover(it.client, it.item, it.missed);
        else if (it.do === 'tell') {
          told += 1;
          deliveries.tell(`{"told":${String(told)}}`);
        } else {
          const wire = deliveries.clients[it.client]?.wire;
          if (wire === undefined) throw new Error('no such client');
          if (it.do === 'drain') wire.drain();
          wire.isStalled = it.do === 'stall' || !it.goesOn;
        }
      }
      await deliveries.settle();
      expect(deliveries.closes).toEqual([]);
      conflated += deliveries.conflated;
      for (const [at, { wire }] of deliveries.clients.entries()) {
        checkOne(deliveries, at, heardBy(wire));
        const notices = wire.texts.filter((text) => text.startsWith('{"told"'));
        expect(notices).toEqual(notices.map((_, n) => `{"told":${String(n + 1)}}`));
        expect(notices).toHaveLength(told);
      }
    }),
    { numRuns: 300 },
  );
  // The law says little where nothing was ever slow.
  expect(conflated).toBeGreaterThan(100);
}, 60_000);

function checkOne({ published, joined }: Deliveries, at: number, heard: readonly Heard[]): void {
  const watched = joined[at] ?? new Map<number, Joined>();
  const isRecovered = [...watched.values()].some(({ after, liveAfter }) => after < liveAfter);
  const own = heard.filter(({ type }) => type === 'outbid');
  // What is replayed is older than what was live before it; each topic has its order all the same.
  const lines = isRecovered
    ? [
        own,
        ...ITEMS.map((itemId) => heard.filter((it) => it.itemId === itemId && !own.includes(it))),
      ]
    : [heard];
  for (const line of lines) {
    const order = line.map(({ sequence }) => sequence);
    expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
  }
  const ownDue = published.filter(({ owner }) => owner === at);
  expect(own.map(({ sequence }) => sequence)).toEqual(ownDue.map(({ sequence }) => sequence));
  for (const itemId of ITEMS) {
    const { after, liveAfter } = watched.get(itemId) ?? { after: Infinity, liveAfter: Infinity };
    const linesOf = (kind: Published['kind']): { got: Heard[]; due: Published[] } => ({
      got: heard.filter((it) => it.itemId === itemId && it.type === kind),
      due: published.filter(
        (it) =>
          it.itemId === itemId &&
          it.kind === kind &&
          it.sequence > (kind === 'auction_ending' ? liveAfter : after),
      ),
    });
    const must = linesOf('auction_extended');
    expect(must.got.map(({ sequence, skipped }) => [sequence, skipped])).toEqual(
      must.due.map(({ sequence }) => [sequence, 0]),
    );
    for (const kind of ['bid_update', 'auction_ending'] as const) {
      const { got, due } = linesOf(kind);
      expect(got.at(-1)?.sequence, 'the newest').toBe(due.at(-1)?.sequence);
      const told = got.reduce((sum, { skipped }) => sum + 1 + skipped, 0);
      expect(told, 'each counted').toBe(due.length);
    }
  }
}
