/** What meets the wire: the same bytes for all, past Node's stream, uncompressed; and no pongs for who does not read. */
import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { ClientSocket, type SocketOwner } from '../../server/client-socket.ts';
import { DirectWrites } from '../../server/direct-writes.ts';
import { textFrame } from '../../server/frame.ts';
import { bidPlaced } from './support/events.ts';
import { GatewayHarness, mint } from './support/gateway-harness.ts';
import { RawClient, upgradeRequest } from './support/raw-client.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** An open one that nobody listens to. */
function attached(wire: Socket, direct: DirectWrites | null): ClientSocket {
  const owner: SocketOwner = {
    textReceived: () => undefined,
    binaryReceived: () => undefined,
    controlReceived: () => true,
    socketClosed: () => undefined,
  };
  // As `ws` itself makes the sockets of a server.
  const socket = Reflect.construct(ClientSocket, [null, undefined, {}]) as ClientSocket;
  vi.spyOn(socket, 'isOpen', 'get').mockReturnValue(true);
  socket.attach(owner, wire, direct);
  return socket;
}

test('an event is serialised and framed once: all its watchers are written the very same bytes, directly', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.list(1);
  const clients = await Promise.all(Array.from({ length: 5 }, () => harness.client()));
  for (const client of clients) await client.ask({ action: 'subscribe', itemId: 1 });
  const written = vi.spyOn(DirectWrites.prototype, 'write');
  const bid = bidPlaced(1, 4, '11.00');
  harness.publish(bid);
  for (const client of clients) await client.heard(2);
  const frames = written.mock.calls.map(([, bytes]) => bytes);
  const ofBid = frames.filter((bytes) => bytes.includes(`"eventId":"${bid.eventId}"`));
  expect(ofBid).toHaveLength(clients.length);
  expect(new Set(ofBid).size).toBe(1);
});

test('a client that offers compression gets none', async () => {
  await using harness = await GatewayHarness.start();
  const client = new RawClient(harness.port);
  const offer = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';
  client.socket.write(upgradeRequest(`/?token=${mint()}`, [offer]));
  await client.receives('\r\n\r\n');
  expect(client.text).toMatch(/^HTTP\/1\.1 101 /);
  expect(client.text.toLowerCase()).not.toContain('sec-websocket-extensions');
  client.socket.destroy();
});

test('a frame never overtakes a pong that waits in the stream', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const theirs = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [wire] = await accepted;
  const socket = attached(wire, DirectWrites.detect());
  const directly = vi.spyOn(DirectWrites.prototype, 'write');
  const streamed = vi.spyOn(wire, 'write');
  const frame = textFrame('{}');
  socket.writeFrames(frame);
  expect(directly).toHaveBeenCalledTimes(1);

  const held = vi.spyOn(wire, 'writableLength', 'get').mockReturnValue(2);
  vi.spyOn(socket, 'pong').mockReturnValue();
  socket.emit('ping', Buffer.alloc(0));
  socket.writeFrames(frame);
  expect(directly).toHaveBeenCalledTimes(1);
  expect(streamed).toHaveBeenCalledExactlyOnceWith(frame);

  held.mockReturnValue(0);
  socket.writeFrames(frame);
  expect(directly).toHaveBeenCalledTimes(2);
  for (const each of [wire, theirs]) each.destroy();
  server.close();
});

test.each([
  [65_536, 1],
  [65_537, 0],
])('a ping that comes while %i bytes wait is answered %i times', (waiting, answers) => {
  const wire = new Socket();
  vi.spyOn(wire, 'writableLength', 'get').mockReturnValue(waiting);
  const socket = attached(wire, null);
  const pong = vi.spyOn(socket, 'pong').mockReturnValue();
  socket.emit('ping', Buffer.from('are you there?'));
  expect(pong).toHaveBeenCalledTimes(answers);
});
