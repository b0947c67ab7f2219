/**
 * The clients of `bench:recovery`: bare sockets that count bytes and event ids and parse nothing else.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { RecoveryPlan } from './recovery.ts';

const EVENT = Buffer.from('"type":"bid_update"');

let plan: RecoveryPlan | null = null;
let sockets: Socket[] = [];

process.on('message', (heard: RecoveryPlan | 'connect' | 'recover' | 'leave' | 'return') => {
  if (typeof heard === 'object') plan = heard;
  else if (heard === 'connect') void connectAll();
  else if (heard === 'recover') void recoverAll();
  else if (heard === 'leave') leaveAll();
  else void returnAll();
});

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

async function recoverAll(): Promise<void> {
  if (plan === null) return;
  const { clients, since, due } = plan;
  await Promise.all(
    sockets.map((socket, at) =>
      recover(socket, { itemIds: clients[at]?.itemIds ?? [], since, due }),
    ),
  );
  say({ kind: 'recovered' });
}

/** All are cut off at once, as when a server is killed. */
function leaveAll(): void {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  say({ kind: 'left' });
}

/** The first try of the SDK comes after 0.5 to 1 s, evenly spread. */
const RETURN_WITHIN_MS = 500;

async function returnAll(): Promise<void> {
  if (plan === null) return;
  const { port, clients, since, due } = plan;
  await Promise.all(
    clients.map(async ({ token, itemIds }) => {
      await delay(Math.random() * RETURN_WITHIN_MS);
      const socket = await dial(port, token);
      sockets.push(socket);
      await recover(socket, { itemIds, since, due });
    }),
  );
  say({ kind: 'returned' });
}

async function recover(
  socket: Socket,
  wanted: { readonly itemIds: readonly number[]; readonly since: string; readonly due: number },
): Promise<void> {
  const { itemIds, since, due } = wanted;
  const done = untilReplayed(socket, due);
  socket.write(frame(JSON.stringify({ action: 'subscribe', itemIds, since })));
  await done;
}

function untilReplayed(socket: Socket, due: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = 0;
    let rest = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      const bytes = Buffer.concat([rest, chunk]);
      let end = 0;
      for (let at = bytes.indexOf(EVENT); at !== -1; at = bytes.indexOf(EVENT, end)) {
        end = at + EVENT.length;
        heard += 1;
      }
      rest = Buffer.from(bytes.subarray(Math.max(end, bytes.length - EVENT.length + 1)));
      if (heard < due) return;
      socket.off('data', onData).resume();
      resolve();
    };
    socket.on('data', onData);
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
