/** Binding, as those who try again and again need it. */
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { bind, stopListening } from '../../server/listener.ts';

test('a server that is bound in vain many times keeps no listeners, and binds when the port is free', async () => {
  const holder = createServer();
  const { port } = await bind(holder, { host: '127.0.0.1', port: 0 });
  const server = createServer();
  const counts = (): number[] => ['listening', 'error'].map((name) => server.listenerCount(name));
  const before = counts();
  for (let i = 0; i < 20; i += 1) {
    await expect(bind(server, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
    });
  }
  expect(counts()).toEqual(before);
  await stopListening(holder);
  expect(await bind(server, { host: '127.0.0.1', port })).toMatchObject({ port });
  expect(counts()).toEqual(before);
  await stopListening(server);
});
