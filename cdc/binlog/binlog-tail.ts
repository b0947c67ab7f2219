/**
 * One connection's life: from a position to the end of the connection, as committed transactions.
 */
import type { Clock, Log } from '../../src/ports.ts';
import { BinlogStream } from './binlog-stream.ts';
import type { StreamState, TailOptions } from './binlog-stream.ts';
import { DamagedReads } from './damaged-reads.ts';
import type { ServerIdClaim } from '../source/server-id-claim.ts';
import type { BinlogPosition, SourcePosition } from '../source/source-position.ts';
import type { TailedTransaction } from './tailed-transaction.ts';
import { HeldTransactions } from './transaction-grouper.ts';

export type { StreamState, TailOptions } from './binlog-stream.ts';

/** Counters of one tail since it was made; for metrics. */
export interface TailCounters {
  /** Statements of STATEMENT format that name a mapped table: writes the stream cannot show. */
  readonly statementWrites: number;
  /** Row changes of mapped tables decoded, dropped ones included. */
  readonly rowChanges: number;
  /** Packets received, heartbeats included. */
  readonly packets: number;
}

/** XA transactions prepared and not yet decided. */
const HELD_TRANSACTIONS_MAX = 1000;
const HELD_CHANGES_MAX = 200_000;

type Deps = { readonly log: Log; readonly now: Clock };

export class BinlogTail {
  readonly #options: TailOptions;
  readonly #deps: Deps;
  readonly #held = new HeldTransactions({
    transactionsMax: HELD_TRANSACTIONS_MAX,
    changesMax: HELD_CHANGES_MAX,
  });
  readonly #counters = { statementWrites: 0, rowChanges: 0, packets: 0 };
  readonly #alarm: { statementAtMs: number } = { statementAtMs: -Infinity };
  readonly #claim: ServerIdClaim = { connectionId: null };
  readonly #damagedReads = new DamagedReads();
  #packetAtMs = 0;
  #stream: BinlogStream | null = null;

  constructor(options: TailOptions, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Epoch ms of the last packet (heartbeats included); 0 before the first. */
  get packetAtMs(): number {
    return this.#packetAtMs;
  }

  /**
   * The position up to which everything has been yielded: of the last transaction while some wait, else how far the
   * server says the stream is (heartbeats, rotations, commits of any table). Null before the server said anything.
   */
  get seen(): BinlogPosition | null {
    return this.#stream?.seen ?? null;
  }

  /** Null before the first stream. */
  get stream(): StreamState | null {
    return this.#stream?.state ?? null;
  }

  get counters(): TailCounters {
    return { ...this.#counters };
  }

  /** Estimated bytes of committed transactions that nobody has taken yet. */
  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
  }

  /**
   * One connection's life, from `from`. Returns when `signal` aborts; else ends by throwing, after everything that was
   * committed before the failure has been yielded. Sockets, timers and listeners are gone when it has ended, at most
   * some two seconds later even from a frozen server. One call at a time.
   *
   * @throws AppError SOURCE_UNREACHABLE, SOURCE_DISCONNECTED, SOURCE_SILENT, EVENT_DAMAGED, SOURCE_ACCESS_DENIED,
   *   SERVER_ID_CONFLICT, BINLOG_POSITION_LOST, BINLOG_DAMAGED, ROW_UNDECODABLE, SCHEMA_CHANGED, SOURCE_UNSUITABLE
   */
  async *transactions(
    from: SourcePosition,
    signal: AbortSignal,
  ): AsyncGenerator<TailedTransaction> {
    if (signal.aborted) return;
    const stream = new BinlogStream(from, {
      ...this.#options,
      ...this.#deps,
      held: this.#held,
      counters: this.#counters,
      alarm: this.#alarm,
      claim: this.#claim,
      onPacket: () => {
        this.#packetAtMs = this.#deps.now();
      },
    });
    this.#stream = stream;
    const onAbort = (): void => {
      stream.abort();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      stream.open();
      for (;;) {
        const next = stream.take() ?? (await stream.next());
        if (next === null) return;
        yield next;
      }
    } catch (error) {
      throw this.#damagedReads.judge(error, stream.yieldedAt ?? from.binlog);
    } finally {
      signal.removeEventListener('abort', onAbort);
      await stream.close();
    }
  }
}
