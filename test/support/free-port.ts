import { once } from 'node:events';
import { createServer } from 'node:net';

/** The kernel may offer a port again as soon as it is let go. */
const given = new Set<number>();

/** A TCP port on 127.0.0.1 that was free a moment ago, and that nobody else in this process was given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address === null || typeof address === 'string') throw new Error('no port');
    if (given.has(address.port)) continue;
    given.add(address.port);
    return address.port;
  }
}
