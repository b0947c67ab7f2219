/**
 * Memory in which frames are put together for one write each.
 *
 * A client that recovers is owed a sequence of frames like nobody else's: a buffer of its own would be garbage at once,
 * outside the heap, and collecting it would stop the loop for tens of milliseconds while thousands recover. Nearly every
 * write is taken by the kernel at once, though, and then the same place serves the next one.
 */

const BLOCK_BYTES = 262_144;

export class WriteArena {
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  /** The frames in one buffer, to be written at once and then kept (`keep`) or let go of. */
  join(frames: readonly Buffer[], bytes: number): Buffer {
    if (this.#used + bytes > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes));
      this.#used = 0;
    }
    let at = this.#used;
    for (const frame of frames) {
      this.#block.set(frame, at);
      at += frame.length;
    }
    return this.#block.subarray(this.#used, at);
  }

  /** What was joined last is not written yet: its place is not used again. */
  keep(joined: Buffer): void {
    this.#used += joined.length;
  }
}
