/**
 * What one binlog connection hands on: committed transactions with the position that follows each.
 */
import type { Transaction } from '../../src/auction/row-change.ts';
import type { SourcePosition } from '../source/source-position.ts';

/** One commit of the source, in commit order. */
export interface TailedTransaction {
  /**
   * The row changes of mapped tables. A commit that touched none comes too, with `changes: []`, because positions must
   * advance; runs of such commits that nobody has taken yet are merged into the last of them.
   */
  readonly transaction: Transaction;
  /**
   * True when a DDL statement may have changed the definition of a mapped table (ALTER, DROP, CREATE, RENAME; TRUNCATE
   * too): detect the mapping and reload the book before trusting what follows. Never merged away.
   */
  readonly schemaChanged: boolean;
  /** The table of bids was emptied or dropped, which no row change tells. */
  readonly emptiesBids?: true;
  /** `server_id` of the server that committed it first: of the source itself, or of one that the source replicates. */
  readonly writer: number;
  /** Where to resume once this commit was handed on. The GTID text is made when asked for, and is right for ever. */
  end(): SourcePosition;
}
