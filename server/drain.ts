/**
 * Sends all clients away in good order: v2 ones are told when to come back, then everyone is closed with 1012, one
 * after the other, and served until it is his turn.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloseCode } from '../src/protocol/close-code.ts';
import { encodeReconnect } from '../src/protocol/server-message.ts';
import { closeOverMs, reconnectAfterMs } from './reconnect-spread.ts';

/** What a drain needs of a connection. */
export interface Drained {
  readonly isV2: boolean;
  readonly isAdmitted: boolean;
  send(text: string): void;
  close(code: CloseCode): void;
  terminate(): void;
}

/** How finely closes are spread, and how soon it is noticed that everybody has gone. */
const STEP_MS = 20;

/**
 * Resolves when all are gone, cut at last if need be.
 *
 * @param open loses a connection when its socket is gone; nobody comes in meanwhile
 * @param options.withinMs the longest it takes, give or take a step
 */
export async function drainConnections(
  open: ReadonlySet<Drained>,
  { withinMs }: { readonly withinMs: number },
): Promise<void> {
  const connections = [...open];
  const count = connections.length;
  const overMs = closeOverMs(count, withinMs);
  for (const [at, connection] of connections.entries()) {
    if (!connection.isV2 || !connection.isAdmitted) continue;
    connection.send(encodeReconnect(reconnectAfterMs(at, count, overMs)));
  }
  const startedAtMs = performance.now();
  let closed = 0;
  for (let elapsedMs = 0; ; elapsedMs = performance.now() - startedAtMs) {
    const due = elapsedMs >= overMs ? count : Math.floor((count * elapsedMs) / overMs);
    for (; closed < due; closed += 1) connections[closed]?.close(1012);
    if (open.size === 0 || elapsedMs >= withinMs) break;
    await pause(Math.min(STEP_MS, withinMs - elapsedMs));
  }
  for (const connection of [...open]) connection.terminate();
}
