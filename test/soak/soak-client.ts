/**
 * One user with the shipped SDK, who takes down what he is told.
 */
import { connect, type GavelcastClient } from '../../client/index.ts';
import type { AuctionEnded, ConnectionStatus, WatchEvent } from '../../client/index.ts';
import { mintToken } from '../support/auction-client.ts';
import { judgeByName, judgeItem, NOTHING, sum } from './course-judge.ts';
import type { Told, ToldByName, Verdict } from './course-judge.ts';
import { bidKey, endedKey, extendedKey, outbidKey, startedKey } from './courses.ts';
import type { Courses, Row } from './courses.ts';
import { LinkLog } from './link-log.ts';

/** As long as the soak may last. */
const TOKEN_SECONDS = 24 * 3600;

/** One client, judged. */
export interface Judgement {
  readonly items: Verdict;
  readonly byName: Verdict;
  /** Watched items that it shows otherwise than the tables. */
  readonly wrongStates: number;
  /** For each item it is wrong about: the faults, and what passed over its links of late. */
  readonly explanations: readonly string[];
}

export class SoakClient {
  readonly userId: number;
  readonly #told = new Map<number, Told[]>();
  readonly #byName: ToldByName[] = [];
  readonly #log = new LinkLog();
  readonly #client: GavelcastClient;
  readonly recoveryMs: number[] = [];
  readonly losses: string[] = [];
  events = 0;
  returns = 0;
  fallbacks = 0;
  #lostAtMs: number | null = null;
  #hasFallenBack = false;
  /** How much had been told by name when the present link went live. */
  #byNameAtReturn = 0;

  constructor(
    url: string,
    { userId, itemIds }: { readonly userId: number; readonly itemIds: readonly number[] },
  ) {
    this.userId = userId;
    const getToken = (): string => mintToken(userId, { expiresIn: TOKEN_SECONDS });
    this.#client = connect({ url, getToken }, this.#log.environment());
    for (const itemId of itemIds) {
      const told: Told[] = [];
      this.#told.set(itemId, told);
      this.#client.watch(itemId, (event) => {
        this.#take(event, told);
      });
    }
    this.#client.on('connection', (status) => {
      this.#connectionChanged(status);
    });
    this.#client.on('outbid', ({ itemId, newBidAmount, yourBidAmount }) => {
      const key = outbidKey(newBidAmount, yourBidAmount);
      this.#byName.push({ kind: 'event', itemId: Number(itemId), key });
    });
    this.#client.on('auction_ended', (event) => {
      if (event.winnerId !== userId) return;
      this.#byName.push({ kind: 'event', itemId: Number(event.itemId), key: keyOfEnd(event) });
    });
    this.#client.on('standing', () => {
      // The first connection has nothing to recover.
      if (this.returns === 0) return;
      // It covers what was missed until the link was back, though live events may overtake it.
      this.#byName.splice(this.#byNameAtReturn, 0, { kind: 'standing' });
      this.#fellBack();
    });
  }

  get isLive(): boolean {
    const { state } = this.#client.connection;
    return state === 'live' || state === 'degraded';
  }

  /** True once every watched item has a state. */
  get hasStates(): boolean {
    return [...this.#told.keys()].every((itemId) => this.#client.state(itemId) !== null);
  }

  judge(courses: Courses): Judgement {
    let items = NOTHING;
    let wrongStates = 0;
    const explanations: string[] = [];
    for (const course of courses.items) {
      const { itemId } = course;
      const told = this.#told.get(itemId);
      if (told === undefined) continue;
      const verdict = judgeItem(course, told);
      items = sum(items, verdict);
      const row = courses.tables.find((each) => each.itemId === itemId);
      const isWrong = row !== undefined && !this.#shows(row);
      if (isWrong) wrongStates += 1;
      if (isWrong || verdict.faults.length > 0)
        explanations.push(this.#explain(itemId, verdict, row));
    }
    const byName = judgeByName(courses.byName[this.userId] ?? [], this.#byName);
    return { items, byName, wrongStates, explanations };
  }

  #shows({ itemId, ...row }: Row): boolean {
    const state = this.#client.state(itemId);
    if (state === null) return false;
    return Object.entries(row).every(([field, value]) => Reflect.get(state, field) === value);
  }

  #explain(itemId: number, { faults }: Verdict, row: Row | undefined): string {
    const { state, reason, transport } = this.#client.connection;
    return [
      `user ${this.userId}, item ${itemId}, ${state} (${reason}) over ${transport}:`,
      ...faults,
      `shows  ${JSON.stringify(this.#client.state(itemId))}`,
      `tables ${JSON.stringify(row)}`,
      ...this.#log.about(itemId),
    ].join('\n');
  }

  #take(event: WatchEvent, told: Told[]): void {
    const key = keyOf(event);
    const itemId = Number(event.itemId);
    if (key !== null) {
      this.#log.note(`told: ${key}`, itemId);
      this.events += 1;
      told.push({ kind: 'event', key, skipped: 'skipped' in event ? (event.skipped ?? 0) : 0 });
    } else if (event.type === 'state') {
      const { bidCount, status, endTime } = event.state;
      const what = event.reset ? 'a reset' : 'a state';
      this.#log.note(`told: ${what}, bid ${bidCount}, ${status} until ${String(endTime)}`, itemId);
      told.push({ kind: 'state', place: { bidCount, status, endTime }, isReset: event.reset });
      if (event.reset) this.#fellBack();
    }
  }

  /** Counted once a return, however many items it concerns. */
  #fellBack(): void {
    if (!this.#hasFallenBack) this.fallbacks += 1;
    this.#hasFallenBack = true;
  }

  #connectionChanged({ state, reason, code, transport }: ConnectionStatus): void {
    this.#log.note(`${state} (${reason} ${code ?? ''}) over ${transport}`);
    if (state === 'reconnecting') {
      if (this.#lostAtMs === null) this.losses.push(code === null ? reason : String(code));
      this.#lostAtMs ??= performance.now();
    } else if (state === 'live' && this.#lostAtMs !== null) {
      this.recoveryMs.push(performance.now() - this.#lostAtMs);
      this.#lostAtMs = null;
      this.returns += 1;
      this.#byNameAtReturn = this.#byName.length;
      this.#hasFallenBack = false;
    }
  }
}

/** As the courses have it; null for what is no committed change. */
function keyOf(event: WatchEvent): string | null {
  switch (event.type) {
    case 'bid_update': {
      const { bidId, bidAmount: amount, bidderId, bidCount } = event;
      return bidKey({ bidId: Number(bidId), amount, bidderId: Number(bidderId), bidCount });
    }
    case 'auction_extended':
      return extendedKey(event.newEndTime);
    case 'auction_ended':
      return keyOfEnd(event);
    case 'auction_started':
      return startedKey(event.endTime);
    case 'state':
    case 'auction_ending':
    case 'watchers':
      return null;
    // He gets it by name, whatever he watches.
    case 'outbid':
      return null;
    case 'auction_rescheduled':
    case 'bid_retracted':
    case 'error':
      return `unexpected ${event.type}`;
  }
}

function keyOfEnd({ outcome, finalPrice, winnerId }: AuctionEnded): string {
  return endedKey({ outcome, finalPrice, winnerId: winnerId === null ? null : Number(winnerId) });
}
