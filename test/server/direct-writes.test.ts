/** Direct writes against real sockets: byte for byte, whatever the reader does and whoever else writes. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DirectWrites, queuedBytesOf, type Handle } from '../../server/direct-writes.ts';
import { until } from '../support/until.ts';

let ours: Socket;
let theirs: Socket;
let close: () => void;

beforeEach(async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  theirs = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [ours] = await accepted;
  close = () => {
    ours.destroy();
    theirs.destroy();
    server.close();
  };
});

afterEach(() => {
  close();
  vi.restoreAllMocks();
});

function detected(): DirectWrites {
  const direct = DirectWrites.detect();
  if (direct === null) throw new Error('this version of Node is not as expected');
  return direct;
}

function handleOf(direct: DirectWrites): Handle {
  const handle = direct.handleOf(ours);
  if (handle === null) throw new Error('the socket cannot be written to directly');
  return handle;
}

test('this version of Node has what is needed, for plain TCP alone', () => {
  expect(detected().handleOf(ours)).not.toBeNull();
  expect(detected().handleOf(new TLSSocket(ours))).toBeNull();
});

test('where Node is not as expected, nothing is written directly', () => {
  for (const binding of [undefined, () => ({}), () => ({ WriteWrap: Map, streamBaseState: [] })]) {
    vi.spyOn(process as unknown as { binding: unknown }, 'binding', 'get').mockReturnValue(binding);
    expect(DirectWrites.detect()).toBeNull();
  }
});

test('a reader that stalls gets every byte in order, ours and the stream’s', async () => {
  const direct = detected();
  const handle = handleOf(direct);
  theirs.pause();
  const parts: Buffer[] = [];
  let waiting = 0;
  const done = { writeDone: () => (waiting -= 1) };
  for (let at = 0; at < 2_000; at += 1) {
    const part = Buffer.alloc(1 + ((at * 7919) % 20_000), at % 251);
    parts.push(part);
    // As a client's socket decides: what would overtake goes through the stream.
    const isFree = waiting === 0 && ours.writableLength === 0;
    if (!isFree || at % 5 === 0) {
      ours.write(part);
      continue;
    }
    const written = direct.write(handle, part, done);
    expect(written).not.toBe('failed');
    if (written === 'waits') waiting += 1;
  }
  expect(waiting, 'the reader stalled').toBe(1);
  const read: Buffer[] = [];
  theirs.on('data', (chunk: Buffer) => read.push(chunk));
  theirs.resume();
  const all = Buffer.concat(parts);
  await until(() => read.reduce((sum, { length }) => sum + length, 0) >= all.length);
  expect(Buffer.concat(read).equals(all)).toBe(true);
  await until(() => waiting === 0, { what: 'the write that waited to be done' });
});

test('what waited is done when the socket is cut, and a closed socket fails', async () => {
  const direct = detected();
  const handle = handleOf(direct);
  theirs.pause();
  let done = 0;
  const waiting = { writeDone: () => (done += 1) };
  while (direct.write(handle, Buffer.alloc(65_536), waiting) === 'sent');
  expect(done).toBe(0);
  const closed = once(ours, 'close');
  ours.destroy();
  expect(direct.write(handle, Buffer.from('x'), waiting), 'closing').toBe('failed');
  await until(() => done === 1);
  await closed;
  expect(direct.write(handle, Buffer.from('x'), waiting), 'closed').toBe('failed');
});

test('what is queued of one large write falls while the write still waits', async () => {
  const direct = detected();
  theirs.pause();
  let done = 0;
  direct.write(handleOf(direct), Buffer.alloc(64_000_000), { writeDone: () => (done += 1) });
  const atFirst = queuedBytesOf(ours);
  expect(atFirst).toBeGreaterThan(0);
  let hasFallen = false;
  theirs.on('data', () => {
    hasFallen ||= queuedBytesOf(ours) < atFirst;
    if (hasFallen) theirs.pause();
  });
  theirs.resume();
  await until(() => hasFallen, { what: 'a part to be taken' });
  expect(done).toBe(0);
});
