/**
 * Our own account of executed transactions: a GTID set (MySQL) or GTID position (MariaDB) that grows one commit at a
 * time and whose text can be asked for at any mark passed, now or later.
 *
 * Making the text at each commit is too dear (tens of thousands a second), and making it later from the live set would
 * name commits after the mark. So a mark keeps three shared pieces: the text before the number that moves, that number,
 * and the text after it. Consecutive commits of one source share both texts.
 */
import { GtidSet, MariadbGtidPosition } from '@vlasky/zongji';

/** A place in the account; `text()` is right for ever, whatever is added later. */
export class GtidMark {
  readonly #head: string;
  readonly #number: bigint | string;
  readonly #tail: string;

  constructor(head: string, number: bigint | string, tail: string) {
    this.#head = head;
    this.#number = number;
    this.#tail = tail;
  }

  text(): string {
    return `${this.#head}${this.#number}${this.#tail}`;
  }
}

export interface GtidAccount {
  /** Adds one committed transaction and returns the mark after it. @throws Error on a malformed id */
  add(gtid: string): GtidMark;
  /** The mark of everything added so far. */
  mark(): GtidMark;
}

/** @param seed text as the server prints it; `''` is the empty set. @throws Error where it cannot be parsed */
export function gtidAccount(flavour: 'mysql' | 'mariadb', seed: string): GtidAccount {
  const text = seed.replace(/\s/g, '');
  return flavour === 'mysql' ? new MysqlAccount(text) : new MariadbAccount(text);
}

/**
 * MySQL. The common case is the successor of the last commit: only the end of one interval moves. Anything else (another
 * source, a gap, a filled gap) goes through the set and lays the pieces out again.
 */
class MysqlAccount implements GtidAccount {
  #set: GtidSet;
  /** `uuid:` or `uuid:tag:` of the interval that grows; null where none does. */
  #source: string | null = null;
  #last = 0n;
  /** First number of the interval behind it: reaching it joins the two. Null where there is none. */
  #next: bigint | null = null;
  #mark: GtidMark;
  #head = '';
  #tail = '';

  constructor(seed: string) {
    this.#set = GtidSet.parse(seed);
    this.#mark = new GtidMark(this.#set.toString(), '', '');
  }

  add(gtid: string): GtidMark {
    const at = gtid.lastIndexOf(':') + 1;
    const source = gtid.slice(0, at);
    const number = BigInt(gtid.slice(at));
    const isSuccessor = source === this.#source && number === this.#last + 1n;
    if (isSuccessor && number + 1n !== this.#next) {
      this.#last = number;
      this.#mark = new GtidMark(this.#head, number, this.#tail);
    } else {
      this.#relayout(gtid, source, number);
    }
    return this.#mark;
  }

  mark(): GtidMark {
    return this.#mark;
  }

  #relayout(gtid: string, source: string, number: bigint): void {
    this.#set = GtidSet.parse(this.#mark.text());
    this.#set.add(gtid);
    const text = this.#set.toString();
    this.#mark = new GtidMark(text, '', '');
    this.#source = null;
    const end = endOfInterval(text, source, number);
    if (end === null) return;
    this.#source = source;
    this.#last = number;
    this.#next = end.next;
    // A lone `7` must become `7-8` next time, so the start stays in the head.
    this.#head = end.alone ? `${text.slice(0, end.to)}-` : text.slice(0, end.from);
    this.#tail = text.slice(end.to);
  }
}

interface IntervalEnd {
  /** Where the last number of the interval stands in the text. */
  readonly from: number;
  readonly to: number;
  /** True for an interval of one number, written without its end. */
  readonly alone: boolean;
  /** First number of the next interval of the same source, or null. */
  readonly next: bigint | null;
}

/**
 * Where `number` ends an interval of `source` in the set's text; null when it does not end one, because a later number
 * was there already (a filled gap).
 */
function endOfInterval(text: string, source: string, number: bigint): IntervalEnd | null {
  const [uuid = '', tag = ''] = source.split(':');
  const blockStart = text.indexOf(uuid);
  if (blockStart < 0) return null;
  const comma = text.indexOf(',', blockStart);
  const items = text.slice(blockStart, comma < 0 ? text.length : comma).split(':');
  let offset = blockStart;
  let section = '';
  for (const [at, item] of items.entries()) {
    if (/^[a-z_]/.test(item) && at > 0) {
      section = item;
    } else if (at > 0 && section === tag) {
      const dash = item.indexOf('-');
      if (BigInt(item.slice(dash + 1)) === number) {
        const next = /^\d+/.exec(items[at + 1] ?? '')?.[0];
        const to = offset + item.length;
        return {
          from: offset + dash + 1,
          to,
          alone: dash < 0,
          next: next === undefined ? null : BigInt(next),
        };
      }
    }
    offset += item.length + 1;
  }
  return null;
}

/** MariaDB: the last transaction of each domain. */
class MariadbAccount implements GtidAccount {
  readonly #lastOfDomain = new Map<number, string>();
  /** `domain-server-` of the entry that moves. */
  #source: string | null = null;
  #head = '';
  #tail = '';
  #mark: GtidMark;

  constructor(seed: string) {
    const text = MariadbGtidPosition.parse(seed).toString();
    if (text !== '') {
      for (const entry of text.split(',')) this.#lastOfDomain.set(domainOf(entry), entry);
    }
    this.#mark = new GtidMark(text, '', '');
  }

  add(gtid: string): GtidMark {
    const at = gtid.lastIndexOf('-') + 1;
    const source = gtid.slice(0, at);
    if (source !== this.#source) this.#relayout(gtid, source);
    this.#lastOfDomain.set(domainOf(gtid), gtid);
    this.#mark = new GtidMark(this.#head, gtid.slice(at), this.#tail);
    return this.#mark;
  }

  mark(): GtidMark {
    return this.#mark;
  }

  #relayout(gtid: string, source: string): void {
    const domain = domainOf(gtid);
    this.#lastOfDomain.set(domain, gtid);
    const entries = [...this.#lastOfDomain].sort(([a], [b]) => a - b);
    const before = entries.filter(([id]) => id < domain).map(([, entry]) => `${entry},`);
    const after = entries.filter(([id]) => id > domain).map(([, entry]) => `,${entry}`);
    this.#source = source;
    this.#head = before.join('') + source;
    this.#tail = after.join('');
  }
}

function domainOf(gtid: string): number {
  return Number(gtid.slice(0, gtid.indexOf('-')));
}
