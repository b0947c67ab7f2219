/**
 * What was committed, as those who watch must hear of it: the course of each item, and who was outbid on it. Pure. Keys
 * say a change digit by digit, so that two lists can be compared.
 */

/** How an item stands between two changes: what `state` can be recognised by. */
export interface Place {
  readonly bidCount: number;
  readonly status: string;
  /** ISO 8601. */
  readonly endTime: string | null;
}

/** One committed change, and where the item stands after it. */
export interface Step {
  readonly key: string;
  readonly after: Place;
}

/** An item from before the first change on. */
export interface Course {
  readonly itemId: number;
  readonly before: Place;
  readonly steps: readonly Step[];
}

/** Everything that was committed. Plain data: it goes to the processes of the clients as it is. */
export interface Courses {
  readonly items: readonly Course[];
  /** By user: what goes to him by name, in commit order for each item. */
  readonly byName: Readonly<Record<number, readonly OwnStep[]>>;
  /** What the tables hold in the end. */
  readonly tables: readonly Row[];
}

/** One thing that a user must be told by name. */
export interface OwnStep {
  readonly itemId: number;
  readonly key: string;
}

/** An item as the tables have it. */
export interface Row extends Place {
  readonly itemId: number;
  readonly currentPrice: number;
  readonly highestBidderId: number | null;
}

export function bidKey(bid: {
  readonly bidId: number;
  readonly amount: number;
  readonly bidderId: number;
  readonly bidCount: number;
}): string {
  const { bidId, amount, bidderId, bidCount } = bid;
  return `bid ${bidId} of ${amount.toFixed(2)} by ${bidderId}, number ${bidCount}`;
}

export function extendedKey(endTime: string): string {
  return `extended to ${endTime}`;
}

export function startedKey(endTime: string | null): string {
  return `started until ${String(endTime)}`;
}

export function endedKey(end: {
  readonly outcome: string;
  readonly finalPrice: number | null;
  readonly winnerId: number | null;
}): string {
  const { outcome, finalPrice, winnerId } = end;
  return `ended ${outcome} at ${finalPrice?.toFixed(2) ?? 'nothing'} to ${winnerId ?? 'nobody'}`;
}

export function outbidKey(amount: number, yours: number | null): string {
  return `outbid by ${amount.toFixed(2)} over ${yours?.toFixed(2) ?? 'nothing'}`;
}

/** Takes down what one writer commits to its item. */
export class CourseLog {
  readonly itemId: number;
  readonly #before: Place;
  readonly #steps: Step[] = [];
  /** What goes to users by name, in commit order. */
  readonly byName: { readonly userId: number; readonly key: string }[] = [];
  #place: Place;

  constructor(itemId: number, before: Place) {
    this.itemId = itemId;
    this.#before = before;
    this.#place = before;
  }

  get place(): Place {
    return this.#place;
  }

  get length(): number {
    return this.#steps.length;
  }

  get course(): Course {
    return { itemId: this.itemId, before: this.#before, steps: this.#steps };
  }

  bid(bid: { readonly bidId: number; readonly amount: number; readonly bidderId: number }): void {
    const bidCount = this.#place.bidCount + 1;
    this.#add(bidKey({ ...bid, bidCount }), { bidCount });
  }

  outbid(userId: number, amount: number, yours: number): void {
    this.byName.push({ userId, key: outbidKey(amount, yours) });
  }

  extended(endTime: string): void {
    this.#add(extendedKey(endTime), { endTime });
  }

  /** @param outcome the status after it, too */
  ended(
    outcome: 'sold' | 'unsold',
    end: { readonly finalPrice: number | null; readonly winnerId: number | null },
  ): void {
    const key = endedKey({ outcome, ...end });
    this.#add(key, { status: outcome });
    if (end.winnerId !== null) this.byName.push({ userId: end.winnerId, key });
  }

  started(endTime: string): void {
    this.#add(startedKey(endTime), { status: 'active', endTime });
  }

  #add(key: string, change: Partial<Place>): void {
    this.#place = { ...this.#place, ...change };
    this.#steps.push({ key, after: this.#place });
  }
}
