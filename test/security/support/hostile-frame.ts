/**
 * A client's WebSocket frame with any of its fields wrong.
 */
export interface FrameParts {
  readonly opcode: number;
  readonly payload: Buffer | string;
  /** Default true. */
  readonly fin?: boolean;
  /** RSV1 0x40, RSV2 0x20, RSV3 0x10. */
  readonly reserved?: number;
  /** Default true. */
  readonly masked?: boolean;
  /** Four bytes; default zeros, which leave the payload as it is. */
  readonly key?: Buffer;
  /** The length announced, in the 64-bit form; default: the payload's own in its shortest form. */
  readonly claim?: bigint;
}

export function frame(parts: FrameParts): Buffer {
  const { opcode, fin = true, reserved = 0, masked = true, key = Buffer.alloc(4), claim } = parts;
  const payload = Buffer.from(parts.payload);
  const first = (fin ? 0x80 : 0) | reserved | opcode;
  const maskBit = masked ? 0x80 : 0;
  const head = [Buffer.from([first]), lengthOf(payload.length, maskBit, claim)];
  if (!masked) return Buffer.concat([...head, payload]);
  const bytes = payload.map((byte, at) => byte ^ (key[at % 4] ?? 0));
  return Buffer.concat([...head, key, bytes]);
}

function lengthOf(bytes: number, maskBit: number, claim: bigint | undefined): Buffer {
  if (claim === undefined && bytes <= 125) return Buffer.from([maskBit | bytes]);
  if (claim === undefined && bytes <= 65_535) {
    return Buffer.from([maskBit | 126, bytes >> 8, bytes & 0xff]);
  }
  const long = Buffer.alloc(9);
  long.writeUInt8(maskBit | 127);
  long.writeBigUInt64BE(claim ?? BigInt(bytes), 1);
  return long;
}
