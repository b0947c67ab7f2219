/**
 * What is owed to each client in this turn of the event loop, joined so that each gets one write.
 *
 * One write per client and event is three quarters system call. Joining per client would copy the same bytes once per
 * client; yet most watchers of an item are owed the very same sequence of frames. So a client's batch is a node in a
 * tree of sequences: appending frame F to node N leads to one child, shared by all clients that got there the same way,
 * and a node's bytes are joined once, whoever asks first. Order per client is the order of its appends, always.
 *
 * Ten thousand writes would keep everybody else waiting, so there are two lanes. Those who are owed something that few
 * are owed are written first; the audience of a hot item is written in slices, one a turn, and what such a client is owed
 * meanwhile joins what it waits for.
 */
import { WriteArena } from './write-arena.ts';

/** One sequence of frames owed in this turn. */
export class BatchNode {
  readonly #parent: BatchNode | null;
  readonly #frame: Buffer;
  /** Bytes of the whole sequence. */
  readonly bytes: number;
  /** Frames in the sequence. */
  readonly frames: number;
  #joined: Buffer | null = null;
  #lastChild: BatchNode | null = null;
  #children: Map<Buffer, BatchNode> | null = null;

  constructor(parent: BatchNode | null, frame: Buffer) {
    this.#parent = parent;
    this.#frame = frame;
    this.bytes = frame.length + (parent === null ? 0 : parent.bytes);
    this.frames = 1 + (parent === null ? 0 : parent.frames);
  }

  /** The sequence followed by `frame`, the same node for every client that appends that frame here. */
  then(frame: Buffer): BatchNode {
    const last = this.#lastChild;
    if (last !== null && last.#frame === frame) return last;
    const known = this.#children?.get(frame);
    if (known !== undefined) return known;
    const child = new BatchNode(this, frame);
    if (last !== null) {
      this.#children ??= new Map([[last.#frame, last]]);
      this.#children.set(frame, child);
    }
    this.#lastChild = child;
    return child;
  }

  /** The sequence followed by a frame that nobody else is sent. */
  thenPrivate(frame: Buffer): BatchNode {
    return new BatchNode(this, frame);
  }

  /** All frames of the sequence in one buffer: the frame itself where there is one, else joined once and kept. */
  joined(): Buffer {
    if (this.#parent === null) return this.#frame;
    if (this.#joined !== null) return this.#joined;
    const bytes = Buffer.allocUnsafe(this.bytes);
    let end = this.bytes - this.#frame.length;
    bytes.set(this.#frame, end);
    for (let node: BatchNode | null = this.#parent; node !== null; node = node.#parent) {
      end -= node.#frame.length;
      bytes.set(node.#frame, end);
    }
    this.#joined = bytes;
    return bytes;
  }
}

/** Whoever is owed frames. */
export interface BatchRecipient {
  /** What it is owed in this turn; managed by {@link TurnBatch} alone. */
  batch: BatchNode | null;
  /** Takes joined frames; true when all is on its way, and the buffer needed no more. */
  write(bytes: Buffer, frames: number): boolean;
}

/** Which recipients go first: those of events that few are owed, or those that many are. */
export type Lane = 'prompt' | 'bulk';

/** Audiences larger than this wait for smaller ones. */
const PROMPT_AUDIENCE_MAX = 256;

/** The lane of something that so many are owed. */
export function laneFor(audience: number): Lane {
  return audience > PROMPT_AUDIENCE_MAX ? 'bulk' : 'prompt';
}

/** Writes of the bulk lane in one turn of the event loop: some two milliseconds. */
const SLICE_WRITES = 512;

/** Collects frames per recipient and writes them at the end of the turn, or in slices at the ends of turns. */
export class TurnBatch {
  #prompt: BatchRecipient[] = [];
  #bulk: BatchRecipient[] = [];
  /** Place in the bulk lane up to which it was written. */
  #bulkAt = 0;
  /** First nodes of this turn's sequences, by frame. */
  #roots = new Map<Buffer, BatchNode>();
  #lastRoot: { readonly frame: Buffer; readonly node: BatchNode } | null = null;
  #scheduled = false;
  readonly #arena = new WriteArena();
  readonly #endTurn = (): void => {
    this.#scheduled = false;
    this.flush(SLICE_WRITES);
  };

  /**
   * Owes `frame` to a recipient; the same buffer may be owed to many.
   *
   * @param lane where a recipient waits that is owed nothing yet; one that is keeps its place
   */
  append(recipient: BatchRecipient, frame: Buffer, lane: Lane = 'prompt'): void {
    if (recipient.batch === null) {
      recipient.batch = this.#root(frame);
      (lane === 'prompt' ? this.#prompt : this.#bulk).push(recipient);
      if (!this.#scheduled) this.#schedule();
    } else {
      recipient.batch = recipient.batch.then(frame);
    }
  }

  /** Owes a frame that only this recipient is sent. */
  appendPrivate(recipient: BatchRecipient, frame: Buffer): void {
    if (recipient.batch === null) {
      recipient.batch = new BatchNode(null, frame);
      this.#prompt.push(recipient);
      if (!this.#scheduled) this.#schedule();
    } else {
      recipient.batch = recipient.batch.thenPrivate(frame);
    }
  }

  /** Writes what one recipient is owed now, ahead of the end of the turn (before a close). */
  flushOne(recipient: BatchRecipient): void {
    const batch = recipient.batch;
    if (batch === null) return;
    recipient.batch = null;
    recipient.write(batch.joined(), batch.frames);
  }

  /** Writes what a recipient is owed and these frames after it, now: frames that nobody else is owed in this order. */
  writeNow(recipient: BatchRecipient, frames: readonly Buffer[]): void {
    const { batch } = recipient;
    recipient.batch = null;
    const all = batch === null ? frames : [batch.joined(), ...frames];
    const bytes = all.reduce((sum, frame) => sum + frame.length, 0);
    if (bytes === 0) return;
    const joined = this.#arena.join(all, bytes);
    const count = frames.length + (batch === null ? 0 : batch.frames);
    if (!recipient.write(joined, count)) this.#arena.keep(joined);
  }

  /** Writes what the prompt lane is owed, then the next of the bulk lane; all of them where no number is given. */
  flush(bulkWritesMax = Number.POSITIVE_INFINITY): void {
    const prompt = this.#prompt;
    this.#prompt = [];
    this.#roots = new Map();
    this.#lastRoot = null;
    for (const recipient of prompt) this.flushOne(recipient);
    const end = Math.min(this.#bulk.length, this.#bulkAt + bulkWritesMax);
    for (const recipient of this.#bulk.slice(this.#bulkAt, end)) this.flushOne(recipient);
    this.#bulkAt = end;
    // Under steady load the lane is never empty: those who were written must not stay in it. Half is seldom enough to copy.
    if (this.#bulkAt * 2 >= this.#bulk.length) {
      this.#bulk = this.#bulk.slice(this.#bulkAt);
      this.#bulkAt = 0;
    }
    if (this.#bulk.length > 0 && !this.#scheduled) this.#schedule();
  }

  #root(frame: Buffer): BatchNode {
    if (this.#lastRoot?.frame === frame) return this.#lastRoot.node;
    let node = this.#roots.get(frame);
    if (node === undefined) {
      node = new BatchNode(null, frame);
      this.#roots.set(frame, node);
    }
    this.#lastRoot = { frame, node };
    return node;
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(this.#endTurn);
  }
}
