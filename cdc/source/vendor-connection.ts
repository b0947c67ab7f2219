/**
 * The insides of mysql2 that we use. It types none of them: here is the one cast over it. Each is looked for when a
 * connection is taken, so an upgrade that moves one fails at once and by name.
 */

/** mysql2's packet: the bytes from `offset` to `end`. */
export interface VendorPacket {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  readonly sequenceId: number;
}

export interface VendorConnection {
  handlePacket(packet?: VendorPacket): void;
  pause(): void;
  resume(): void;
  sequenceId: number;
  readonly _paused: boolean;
  readonly _command: unknown;
  readonly stream: { readonly bytesRead: number; destroy(): void };
}

/**
 * Closes a connection's socket at once. mysql2's own `destroy` only says that we have finished sending: a frozen server
 * never answers that, and a paused socket would not notice if it did.
 */
export function destroySocket(connection: unknown): void {
  vendorConnection(connection).stream.destroy();
}

/** The driver's connection with its insides. @throws Error when they are not as expected */
export function vendorConnection(connection: unknown): VendorConnection {
  const inside = connection as Partial<VendorConnection> | null;
  const isKnown =
    typeof inside?.handlePacket === 'function' &&
    typeof inside.pause === 'function' &&
    typeof inside.resume === 'function' &&
    typeof inside.sequenceId === 'number' &&
    typeof inside._paused === 'boolean' &&
    '_command' in inside &&
    typeof inside.stream?.bytesRead === 'number' &&
    typeof inside.stream.destroy === 'function';
  if (!isKnown)
    throw new Error('this version of mysql2 is not supported: its connection has changed');
  return inside as VendorConnection;
}
