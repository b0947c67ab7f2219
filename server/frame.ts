/**
 * WebSocket frames of a server, built by hand so that one event's bytes can be written to every watcher (RFC 6455, 5.2).
 * `ws` would build a header for each client and hand two buffers to the kernel; see docs/decisions on delivery.
 */
const FIN_TEXT = 0x81;
const FIN_PING = 0x89;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** An empty ping, the same bytes for every client. */
export const PING_FRAME: Buffer = Buffer.from([FIN_PING, 0]);

/** One whole, unmasked, uncompressed text frame. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerBytes = length < LENGTH_16 ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FIN_TEXT;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, headerBytes);
  return frame;
}

/** The text of one frame of {@link textFrame}. */
export function textOf(frame: Buffer): string {
  const length = frame.readUInt8(1);
  const headerBytes = length < LENGTH_16 ? 2 : length === LENGTH_16 ? 4 : 10;
  return frame.toString('utf8', headerBytes);
}
