/**
 * The clients of `bench:recovery`: bare sockets that count bytes and event ids and parse nothing else.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Due, type Outcome } from './due.ts';
import type { Message } from './pinned-process.ts';

/** Who they are, and what each of them has missed; the orders that follow are carried out by all of them. */
export interface RecoveryPlan extends Message {
  readonly type: 'plan';
  readonly port: number;
  readonly clients: readonly { readonly token: string; readonly itemIds: readonly number[] }[];
  readonly since: string;
  /** Events each client must get. */
  readonly due: number;
  /** What is missing after so long without any of it was lost. */
  readonly lostAfterMs: number;
}

export interface Connect extends Message {
  readonly type: 'connect';
}

/** All of them ask for what they have missed. */
export interface Recover extends Message {
  readonly type: 'recover';
}

/** All of them connect and ask for what they have missed. */
export interface Return extends Message {
  readonly type: 'return';
}

export interface Leave extends Message {
  readonly type: 'leave';
}

export interface Left extends Message {
  readonly type: 'left';
}

export interface Came extends Message, Outcome {
  readonly type: 'connected' | 'recovered' | 'returned';
}

const EVENT = Buffer.from('"type":"bid_update"');

let plan: RecoveryPlan | null = null;
let sockets: Socket[] = [];

process.on('message', (message: RecoveryPlan | Connect | Recover | Leave | Return) => {
  if (message.type === 'plan') plan = message;
  else if (message.type === 'leave') leaveAll();
  else if (plan === null) throw new Error(`${message.type} before plan`);
  else void carryOut(message, plan).then(say);
});
process.on('disconnect', () => process.exit());

async function carryOut({ type }: Connect | Recover | Return, of: RecoveryPlan): Promise<Came> {
  if (type === 'connect') {
    const due = of.clients.length;
    const missing = await connectAll(of, new Due(due, of.lostAfterMs));
    return { type: 'connected', what: 'connections', due, missing };
  }
  const due = of.clients.length * of.due;
  const events = new Due(due, of.lostAfterMs);
  const missing = type === 'recover' ? await recoverAll(of, events) : await returnAll(of, events);
  return { type: type === 'recover' ? 'recovered' : 'returned', what: 'events', due, missing };
}

/** So many connect at a time: what is measured afterwards is not how fast connections are accepted. */
const CONNECTING_MAX = 100;
/** @returns how many never were connected */
async function connectAll({ port, clients }: RecoveryPlan, connections: Due): Promise<number> {
  sockets = [];
  const connecting = async (): Promise<number> => {
    for (let first = 0; first < clients.length; first += CONNECTING_MAX) {
      const some = clients.slice(first, first + CONNECTING_MAX).map(async ({ token }, at) => {
        sockets[first + at] = await dial(port, token);
        connections.came(1);
      });
      await Promise.all(some);
    }
    return connections.missing;
  };
  return Promise.race([connecting(), connections.missing]);
}

/** @returns how many events never came */
async function recoverAll({ clients, since, due }: RecoveryPlan, events: Due): Promise<number> {
  const recovering = sockets.map((socket, at) =>
    recover(socket, { itemIds: clients[at]?.itemIds ?? [], since, due, events }),
  );
  return Promise.race([Promise.all(recovering).then(() => events.missing), events.missing]);
}

/** All are cut off at once, as when a server is killed. */
function leaveAll(): void {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  say({ type: 'left' });
}

/** The first try of the SDK comes after 0.5 to 1 s, evenly spread. */
const RETURN_WITHIN_MS = 500;

/** @returns how many events never came */
async function returnAll(of: RecoveryPlan, events: Due): Promise<number> {
  const { port, clients, since, due } = of;
  const returning = clients.map(async ({ token, itemIds }) => {
    await delay(Math.random() * RETURN_WITHIN_MS);
    const socket = await dial(port, token);
    sockets.push(socket);
    await recover(socket, { itemIds, since, due, events });
  });
  return Promise.race([Promise.all(returning).then(() => events.missing), events.missing]);
}

interface Missed {
  readonly itemIds: readonly number[];
  readonly since: string;
  /** Events that this client must get, of all that are due. */
  readonly due: number;
  readonly events: Due;
}

async function recover(socket: Socket, { itemIds, since, due, events }: Missed): Promise<void> {
  const done = untilReplayed(socket, due, events);
  socket.write(frame(JSON.stringify({ action: 'subscribe', itemIds, since })));
  await done;
}

function untilReplayed(socket: Socket, due: number, events: Due): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = 0;
    let rest = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      const bytes = Buffer.concat([rest, chunk]);
      const before = heard;
      let end = 0;
      for (let at = bytes.indexOf(EVENT); at !== -1; at = bytes.indexOf(EVENT, end)) {
        end = at + EVENT.length;
        heard += 1;
      }
      rest = Buffer.from(bytes.subarray(Math.max(end, bytes.length - EVENT.length + 1)));
      // What one client has too much of is not what another lacks.
      if (heard > before) events.came(Math.min(heard, due) - before);
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
    socket.once('data', (head: Buffer) => {
      const line = head.toString('latin1', 0, 100);
      if (line.startsWith('HTTP/1.1 101')) resolve(socket);
      else reject(new Error(`no upgrade: ${line}`));
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

function say(message: Came | Left): void {
  process.send?.(message);
}
