/**
 * Between a proxy and Gavelcast: passes bytes on to a port that can be changed (or to none: connections are refused), and
 * keeps the head of each request, which is what Gavelcast was told by the proxy.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface RecordingRelay {
  readonly port: number;
  /** Request heads so far, oldest first, in lower case. Health checks are left out. */
  readonly heads: readonly string[];
  /** Port on 127.0.0.1 for connections from now on; null cuts them. */
  leadTo(port: number | null): void;
  stop(): Promise<void>;
}

export async function startRelay(first: number): Promise<RecordingRelay> {
  let target: number | null = first;
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((inbound) => {
    keep(inbound);
    if (target === null) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target, '127.0.0.1');
    keep(outbound);
    inbound.once('data', (chunk: Buffer) => {
      const [head = ''] = chunk.toString('latin1').toLowerCase().split('\r\n\r\n', 1);
      if (!head.startsWith('get /readyz')) heads.push(head);
    });
    inbound.pipe(outbound).pipe(inbound);
    inbound.on('close', () => outbound.destroy());
    outbound.on('close', () => inbound.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    heads,
    leadTo: (port) => {
      target = port;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
