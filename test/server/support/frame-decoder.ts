/**
 * Reads the frames a server sent, byte by byte as RFC 6455 says, for tests that look at the wire itself.
 */
export interface DecodedFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** @throws Error on a masked frame, reserved bits or a frame that is cut short */
export function decodeFrames(bytes: Buffer): readonly DecodedFrame[] {
  const frames: DecodedFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    if ((first & 0x70) !== 0) throw new Error(`reserved bits set at ${String(at)}`);
    if ((second & 0x80) !== 0) throw new Error(`masked frame at ${String(at)}`);
    at += 2;
    let length = second;
    if (second === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (second === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    if (at + length > bytes.length) throw new Error(`frame cut short at ${String(at)}`);
    frames.push({
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(at, at + length),
    });
    at += length;
  }
  return frames;
}
