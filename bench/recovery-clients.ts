/**
 * The clients of `bench:recovery`: bare sockets that count bytes and event ids and parse nothing else.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

import type { RecoveryPlan } from './recovery.ts';
import { summarise } from './statistics.ts';

const EVENT = Buffer.from('"type":"bid_update"');
/** When a bid was published stands in its `timestamp`. */
const TIMESTAMP = Buffer.from('"timestamp":"');
const TIMESTAMP_LENGTH = 24;

let plan: RecoveryPlan | null = null;
let latencies: number[] = [];
let sockets: Socket[] = [];

process.on('message', (heard: RecoveryPlan | 'reset' | 'report' | 'connect' | 'recover') => {
  if (typeof heard === 'object') void prepare(heard);
  else if (heard === 'reset') {
    latencies = [];
    say({ kind: 'reset' });
  } else if (heard === 'report') {
    const { p50, p99 } = summarise(Float64Array.from(latencies));
    say({ kind: 'report', p50, p99 });
  } else if (heard === 'connect') void connectAll();
  else void recover();
});

/** Opens the client that stays, and one connection for each that comes back. */
async function prepare(given: RecoveryPlan): Promise<void> {
  plan = given;
  const first = given.clients[0];
  if (first === undefined) throw new Error('no clients');
  const witness = await dial(given.port, first.token);
  witness.on('data', (bytes: Buffer) => {
    let at = bytes.indexOf(TIMESTAMP);
    while (at !== -1) {
      const text = bytes.toString(
        'latin1',
        at + TIMESTAMP.length,
        at + TIMESTAMP.length + TIMESTAMP_LENGTH,
      );
      const published = Date.parse(text);
      if (!Number.isNaN(published)) latencies.push(Date.now() - published);
      at = bytes.indexOf(TIMESTAMP, at + 1);
    }
  });
  witness.write(frame(`{"action":"subscribe","itemId":${given.hot.toString()}}`));
  say({ kind: 'ready' });
}

/** So many connect at a time: what is measured afterwards is not how fast connections are accepted. */
const CONNECTING_MAX = 100;

async function connectAll(): Promise<void> {
  if (plan === null) return;
  const { port, clients } = plan;
  for (let at = 0; at < clients.length; at += CONNECTING_MAX) {
    const some = clients.slice(at, at + CONNECTING_MAX).map(({ token }) => dial(port, token));
    sockets = [...sockets, ...(await Promise.all(some))];
  }
  say({ kind: 'connected' });
}

async function recover(): Promise<void> {
  if (plan === null) return;
  const { clients, since, due } = plan;
  const all = sockets.map(async (socket, at) => {
    const done = untilReplayed(socket, due);
    const itemIds = clients[at]?.itemIds;
    socket.write(frame(JSON.stringify({ action: 'subscribe', itemIds, since })));
    await done;
  });
  await Promise.all(all);
  say({ kind: 'recovered' });
}

function untilReplayed(socket: Socket, due: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = 0;
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat([rest, chunk]);
      let end = 0;
      for (let at = bytes.indexOf(EVENT); at !== -1; at = bytes.indexOf(EVENT, end)) {
        end = at + EVENT.length;
        heard += 1;
      }
      rest = Buffer.from(bytes.subarray(Math.max(end, bytes.length - EVENT.length + 1)));
      if (heard >= due) resolve();
    });
    socket.once('close', () => {
      const last = rest.toString('latin1').slice(-40);
      reject(new Error(`closed after ${String(heard)} of ${String(due)} events: ${last}`));
    });
  });
}

function dial(port: number, token: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('error', reject);
    socket.once('data', () => {
      resolve(socket);
    });
    socket.write(
      `GET /?token=${token} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
  });
}

/** A masked text frame whose mask is zero. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 4);
  head[0] = 0x81;
  head[1] = 0x80 | (short ? payload.length : 126);
  if (!short) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

function say(what: object): void {
  process.send?.(what);
}
