/**
 * Events → committed transactions. Pure: a state machine fed one event at a time.
 *
 * Nothing leaves it before its commit marker. What ends a transaction on the two servers:
 * - XID, or the statement COMMIT where an engine has no two-phase commit (MyISAM, Aria): committed.
 * - ROLLBACK: the rows before it are those of transactional tables, undone by the source. Rows of other engines never
 *   stand in such a group: in row format both servers write them ahead, in a group of their own that ends in COMMIT.
 * - ROLLBACK TO a savepoint drops the rows after the savepoint.
 * - XA_PREPARE: the rows are kept under their xid until XA COMMIT, which is the commit and has the id and the position;
 *   with the one-phase flag it is the commit itself.
 * - A DDL statement is a transaction of its own, and so is anything else written without BEGIN.
 * - A new group while one is open: the source crashed while writing it, and rolled it back.
 */
import type { RowChange } from '../../src/auction/row-change.ts';
import { AppError } from '../../src/errors.ts';
import type { LoggedStatement } from './logged-statement.ts';

/** One group that ended, with what it committed; `changes` is empty for rollbacks and for tables of others. */
export interface CommittedGroup {
  /** Null where the source has GTIDs off. */
  readonly gtid: string | null;
  readonly changes: readonly RowChange[];
  readonly schemaChanged: boolean;
  /** The table of bids was emptied or dropped. */
  readonly emptiesBids?: true;
}

interface Savepoint {
  readonly name: string;
  readonly changes: number;
  readonly index: number;
}

/** Appends the kept changes of one row event, counted from `index`; returns the index after it. */
export type AppendRows = (into: RowChange[], index: number) => number;

type GroupState = 'idle' | 'named' | 'open';

export class TransactionGrouper {
  readonly #held: HeldTransactions;
  #state: GroupState = 'idle';
  #gtid: string | null = null;
  #changes: RowChange[] = [];
  #index = 0;
  #savepoints: Savepoint[] = [];
  #schemaChanged = false;
  #emptiesBids = false;

  constructor(held: HeldTransactions) {
    this.#held = held;
  }

  /** False between groups: only there are positions safe to resume from. */
  get isInside(): boolean {
    return this.#state !== 'idle';
  }

  /** Row changes of the open transaction that are kept so far. */
  get openChanges(): number {
    return this.#changes.length;
  }

  /**
   * A GTID event. `opens`: rows may follow at once (MariaDB); else the next statement tells.
   *
   * @returns true when an unfinished group was thrown away
   */
  begin(gtid: string | null, { opens }: { readonly opens: boolean }): boolean {
    const wasOpen = this.#state === 'open';
    this.#reset();
    this.#gtid = gtid;
    this.#state = opens ? 'open' : 'named';
    return wasOpen;
  }

  /** @throws AppError BINLOG_POSITION_LOST when no transaction is open */
  rows(append: AppendRows): void {
    this.#requireOpen();
    this.#index = append(this.#changes, this.#index);
  }

  /** @throws AppError BINLOG_POSITION_LOST when no transaction is open */
  xid(): CommittedGroup {
    this.#requireOpen();
    return this.#commit(this.#changes);
  }

  /** @throws AppError BINLOG_POSITION_LOST when no transaction is open */
  xaPrepare(xid: string, { onePhase }: { readonly onePhase: boolean }): CommittedGroup {
    this.#requireOpen();
    if (onePhase) return this.#commit(this.#changes);
    this.#held.hold(xid, this.#changes);
    return this.#commit([]);
  }

  /** @returns the group that ended with this statement, or null. @throws AppError BINLOG_POSITION_LOST, ROW_UNDECODABLE */
  statement(statement: LoggedStatement): CommittedGroup | null {
    switch (statement.kind) {
      case 'begin':
      case 'xaStart':
        if (this.#state === 'idle') this.#reset();
        this.#state = 'open';
        return null;
      case 'commit':
        this.#requireOpen();
        return this.#commit(this.#changes);
      case 'rollback':
        this.#requireOpen();
        return this.#commit([]);
      case 'savepoint':
        this.#setSavepoint(statement.name);
        return null;
      case 'rollbackTo':
        this.#rollbackTo(statement.name);
        return null;
      case 'xaCommit':
        return this.#commit(this.#held.take(statement.xid));
      case 'xaRollback':
        this.#held.drop(statement.xid);
        return this.#commit([]);
      case 'ddl':
        this.#schemaChanged ||= statement.touchesMapped;
        this.#emptiesBids ||= statement.emptiesBids === true;
        return this.#alone();
      case 'dml':
      case 'other':
      case 'xaEnd':
        return this.#alone();
      case 'comment':
        return null;
    }
  }

  /** A statement outside BEGIN is a transaction of its own. */
  #alone(): CommittedGroup | null {
    return this.#state === 'open' ? null : this.#commit([]);
  }

  #setSavepoint(name: string): void {
    this.#savepoints = this.#savepoints.filter((savepoint) => savepoint.name !== name);
    this.#savepoints.push({ name, changes: this.#changes.length, index: this.#index });
  }

  #rollbackTo(name: string): void {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    const savepoint = this.#savepoints[at];
    if (savepoint === undefined) {
      throw new AppError(
        'ROW_UNDECODABLE',
        'a rollback to a savepoint that the binlog does not show',
      );
    }
    this.#savepoints.length = at + 1;
    this.#changes.length = savepoint.changes;
    this.#index = savepoint.index;
  }

  #requireOpen(): void {
    if (this.#state === 'open') return;
    throw new AppError(
      'BINLOG_POSITION_LOST',
      'the position lies inside a transaction: its first part would be missing',
    );
  }

  #commit(changes: readonly RowChange[]): CommittedGroup {
    const group = {
      gtid: this.#gtid,
      changes,
      schemaChanged: this.#schemaChanged,
      ...(this.#emptiesBids && { emptiesBids: true as const }),
    };
    this.#reset();
    return group;
  }

  #reset(): void {
    this.#state = 'idle';
    this.#gtid = null;
    this.#changes = [];
    this.#index = 0;
    this.#savepoints = [];
    this.#schemaChanged = false;
    this.#emptiesBids = false;
  }
}

/**
 * Row changes of prepared XA transactions, by xid. Outlives connections: a reconnect between PREPARE and COMMIT loses
 * nothing. Bounded; what does not fit is remembered as missing, so that its commit is refused instead of being empty.
 */
export class HeldTransactions {
  readonly #bounds: { readonly transactionsMax: number; readonly changesMax: number };
  readonly #changesByXid = new Map<string, readonly RowChange[] | null>();
  #changes = 0;

  constructor(bounds: { readonly transactionsMax: number; readonly changesMax: number }) {
    this.#bounds = bounds;
  }

  hold(xid: string, changes: readonly RowChange[]): void {
    this.drop(xid);
    const fits = this.#changes + changes.length <= this.#bounds.changesMax;
    this.#changesByXid.set(xid, fits ? changes : null);
    if (fits) this.#changes += changes.length;
    if (this.#changesByXid.size <= this.#bounds.transactionsMax) return;
    const [oldest] = this.#changesByXid.keys();
    if (oldest !== undefined) this.drop(oldest);
  }

  /** @throws AppError BINLOG_POSITION_LOST for a transaction prepared before our start, or too great to be held */
  take(xid: string): readonly RowChange[] {
    const changes = this.#changesByXid.get(xid);
    if (changes === undefined || changes === null) {
      throw new AppError(
        'BINLOG_POSITION_LOST',
        'an XA transaction was committed whose rows were prepared before our position, or were too many to hold',
      );
    }
    this.drop(xid);
    return changes;
  }

  drop(xid: string): void {
    this.#changes -= this.#changesByXid.get(xid)?.length ?? 0;
    this.#changesByXid.delete(xid);
  }
}
