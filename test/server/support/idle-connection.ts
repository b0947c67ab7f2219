/** A connection's surroundings in which nothing happens: tests put in what they watch. */
import type { ConnectionHost } from '../../../server/connection.ts';
import type { Transport } from '../../../server/transport.ts';

const nothing = (): void => undefined;

export const IDLE_HOST: Omit<ConnectionHost, 'batch'> = {
  unsentBytesMax: 65_536,
  received: nothing,
  controlReceived: () => true,
  leaving: nothing,
  gone: nothing,
  wrote: nothing,
  fellBehind: nothing,
  owes: nothing,
};

/** Takes all it is given. */
export const IDLE_SOCKET: Transport = {
  isOpen: true,
  backlogBytes: 0,
  queuedBytes: 0,
  receivedBytes: 0,
  writeFrames: () => 0,
  writePing: nothing,
  onceDrained: nothing,
  close: nothing,
  terminate: nothing,
  pause: nothing,
  resume: nothing,
};
