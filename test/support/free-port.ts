import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Below it nobody is offered a port that is too well known, or that browsers refuse to call. */
const LOWEST = 20_000;
/** More than are ever in use at once. */
const CHOICE_MIN = 1_000;
/** Those of the kernel's own choice that this process was given: it may offer a port again as soon as it is let go. */
const given = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that was free a moment ago, that nobody else in this process was given, and that the kernel
 * gives to nobody who does not name it: until the program it is for listens there, thousands of connections may be made.
 */
export async function freePort(): Promise<number> {
  const choice = firstOfTheKernel() - LOWEST;
  for (;;) {
    const wanted = choice < CHOICE_MIN ? 0 : LOWEST + Math.floor(Math.random() * choice);
    const port = given.has(wanted) ? null : await listenOnce(wanted);
    if (port === null || given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** The port, free again; null where it is taken. */
async function listenOnce(wanted: number): Promise<number | null> {
  const server = createServer().listen(wanted, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return null;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The first of the ports that it gives to whoever asks for any; 0 where it does not say. */
function firstOfTheKernel(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 0;
  }
}
