/**
 * Committed transactions that nobody has taken yet, bounded in bytes by telling the producer to pause.
 */
import type { BinlogPosition } from '../source/source-position.ts';
import type { TailedTransaction } from './tailed-transaction.ts';

/** A transaction with its place, which `end()` would make dearer. */
export interface QueuedTransaction extends TailedTransaction {
  readonly binlog: BinlogPosition;
}

/** Bytes counted for one waiting transaction beside its changes: an estimate on the safe side. */
const TRANSACTION_BYTES = 600;
/**
 * Bytes counted for one row change. 320 were measured for an update of an item with four mapped columns; wider images
 * take more. `test/cdc/binlog/transaction-queue.db.test.ts` holds the measurement under this number.
 */
const CHANGE_BYTES = 500;

export interface QueueListener {
  /** The queue holds more than its bound: produce no more. */
  onFull(): void;
  /** It holds less than half its bound again. */
  onDrained(): void;
}

export class TransactionQueue {
  readonly #bytesMax: number;
  readonly #listener: QueueListener;
  #items: (QueuedTransaction | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #isFull = false;
  #wake: (() => void) | null = null;

  constructor(bytesMax: number, listener: QueueListener) {
    this.#bytesMax = bytesMax;
    this.#listener = listener;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(item: QueuedTransaction): void {
    const last = this.#items.at(-1);
    if (!this.isEmpty && last !== undefined && isPlain(last) && isPlain(item)) {
      // Only the position matters of commits that touch nothing of ours: the newest stands for the run.
      this.#items[this.#items.length - 1] = item;
      return;
    }
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    if (!this.#isFull && this.#bytes > this.#bytesMax) {
      this.#isFull = true;
      this.#listener.onFull();
    }
    this.wake();
  }

  /** The oldest, or null when there is none. */
  shift(): QueuedTransaction | null {
    const item = this.#items[this.#head];
    if (item === undefined) return null;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    this.#bytes -= bytesOf(item);
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.#isFull && this.#bytes * 2 <= this.#bytesMax) {
      this.#isFull = false;
      this.#listener.onDrained();
    }
    return item;
  }

  /** Resolves at the next `push` or `wake`. One waiter at a time. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function isPlain(item: TailedTransaction): boolean {
  return item.transaction.changes.length === 0 && !item.schemaChanged;
}

function bytesOf(item: TailedTransaction): number {
  return TRANSACTION_BYTES + item.transaction.changes.length * CHANGE_BYTES;
}
