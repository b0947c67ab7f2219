/** A port for the page: the one that was asked for, or the next free one. */
import { once } from 'node:events';
import { createServer } from 'node:net';

export const HOST = '127.0.0.1';
const NEXT_PORTS = 20;

/** The wanted port, one of the twenty after it, or any free one where all of those are taken. */
export async function choosePort(wanted: number): Promise<number> {
  for (let port = wanted; port <= Math.min(wanted + NEXT_PORTS, 65_535); port += 1) {
    const found = await tryPort(port);
    if (found !== null) return found;
  }
  const found = await tryPort(0);
  if (found === null) throw new Error('no free port on 127.0.0.1');
  return found;
}

/** The port when it can be bound (0: the one that was found); null when it is taken. */
async function tryPort(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch {
    return null;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address === null || typeof address === 'string' ? null : address.port;
}
