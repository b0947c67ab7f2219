/**
 * What carries a client's frames: a WebSocket, or a stream of server-sent events.
 */
export interface Transport {
  /** False once a close was sent or the socket is gone. */
  readonly isOpen: boolean;
  /** Bytes handed over and not yet taken by the kernel. */
  readonly backlogBytes: number;
  /** What of it the system is being handed; falls with each part that it takes, however large the write was. */
  readonly queuedBytes: number;
  /** Grows whenever the client gives a sign of life. */
  readonly receivedBytes: number;
  /**
   * Writes whole WebSocket text frames, unmasked, in one go; call it only while the transport is open.
   *
   * @returns the backlog in bytes
   */
  writeFrames(frames: Buffer): number;
  /** Asks for a sign of life. */
  writePing(): void;
  /** Calls back once when everything handed over was taken; call it while there is a backlog. */
  onceDrained(callback: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  /** Stops reading from the client. */
  pause(): void;
  resume(): void;
}
