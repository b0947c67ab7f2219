/**
 * Counts the WebSocket frames of a byte stream by their headers, wherever the stream is cut (RFC 6455, 5.2). It looks at no
 * payload: a client that counts costs little more than the read itself.
 */
const OPCODE_TEXT = 1;
const OPCODE_PING = 9;
const LENGTH_16 = 126;

export class FrameCounter {
  /** Whole text frames so far. */
  texts = 0;
  /** Whole pings so far. */
  pings = 0;
  #opcode = 0;
  /** Bytes of the present frame's header seen so far. */
  #headerAt = 0;
  /** Bytes of its extended length: 0, 2 or 8. */
  #lengthBytes = 0;
  #length = 0;
  /** Payload still to come. */
  #left = 0;

  /** Takes in the bytes from `at` to `end`. */
  push(bytes: Uint8Array, at: number, end: number): void {
    let next = at;
    while (next < end) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, end - next);
        next += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#complete();
      } else {
        this.#header(bytes[next] ?? 0);
        next += 1;
      }
    }
  }

  #header(byte: number): void {
    this.#headerAt += 1;
    if (this.#headerAt === 1) {
      this.#opcode = byte & 0x0f;
      return;
    }
    if (this.#headerAt === 2) {
      const length = byte & 0x7f;
      this.#lengthBytes = length < LENGTH_16 ? 0 : length === LENGTH_16 ? 2 : 8;
      this.#length = length < LENGTH_16 ? length : 0;
    } else {
      this.#length = this.#length * 256 + byte;
    }
    if (this.#headerAt < 2 + this.#lengthBytes) return;
    this.#headerAt = 0;
    this.#left = this.#length;
    if (this.#left === 0) this.#complete();
  }

  #complete(): void {
    if (this.#opcode === OPCODE_TEXT) this.texts += 1;
    else if (this.#opcode === OPCODE_PING) this.pings += 1;
  }
}
