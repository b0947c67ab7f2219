/**
 * Opens hostile sockets of one kind from a process of its own, and tells what became of each.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { upgradeRequest } from '../../server/support/raw-client.ts';
import { mint } from '../../server/support/gateway-harness.ts';
import { frame } from './hostile-frame.ts';

/** What a socket says first: nothing, bytes of its own, or frames after an upgrade. */
type Hostility = (socket: Socket) => null | string | Buffer | readonly Buffer[];

export const ATTACKS = {
  'half-open: not a byte sent': () => null,
  'slow request: a header a second': (socket: Socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    const timer = setInterval(() => socket.write('X-A: b\r\n'), 1000);
    socket.on('close', () => {
      clearInterval(timer);
    });
    return null;
  },
  'no HTTP: random bytes': () => Buffer.alloc(512, 0xa5),
  'upgrade and silence, no token': () => upgradeRequest('/?v=2'),
  'forged tokens': () => upgradeRequest(`/?token=${mint({ secret: 'x'.repeat(40) })}`),
  '1 GiB frame announced': () => [frame({ opcode: 1, payload: 'x', claim: 2n ** 30n })],
  'tiny fragments without end': () => {
    const one = frame({ opcode: 0, payload: 'x', fin: false });
    const rest = Array.from({ length: 300 }, () => one);
    return [Buffer.concat([frame({ opcode: 1, payload: '', fin: false }), ...rest])];
  },
  'an unfinished message': () => [frame({ opcode: 1, payload: 'x'.repeat(16_000), fin: false })],
  'invalid UTF-8': () => [frame({ opcode: 1, payload: Buffer.from([0xff]) })],
  'reserved bits': () => [frame({ opcode: 1, payload: 'x', reserved: 0x40 })],
  'reserved opcode': () => [frame({ opcode: 11, payload: '' })],
  'unmasked frames': () => [frame({ opcode: 1, payload: 'x', masked: false })],
  'binary frames': () => [frame({ opcode: 2, payload: 'x' })],
  'deep JSON': () => [frame({ opcode: 1, payload: '['.repeat(10_000) })],
  'subscribe and unsubscribe without end': () => {
    const pair = ['subscribe', 'unsubscribe'].map((action) =>
      frame({ opcode: 1, payload: JSON.stringify({ action, itemId: 1 }) }),
    );
    return [Buffer.concat(Array.from({ length: 250 }, () => pair).flat())];
  },
  'pings without end': () => [
    Buffer.concat(
      Array.from({ length: 500 }, () => frame({ opcode: 9, payload: 'x'.repeat(125) })),
    ),
  ],
} as const satisfies Record<string, Hostility>;

export type AttackName = keyof typeof ATTACKS;

/** How each socket ended: an HTTP status, a close code, `cut`, or `open`. */
export type Endings = Readonly<Record<string, number>>;

const TICK_MS = 10;
const HELD_MS_MAX = 30_000;

export interface AttackOrder {
  readonly name: AttackName;
  readonly port: number;
  readonly count: number;
  readonly openedPerSecond: number;
  /** How long the sockets stay after the last was opened or, later, ended. */
  readonly holdMs: number;
}

/** @param allOpened told when the last socket was opened */
export async function attack(order: AttackOrder, allOpened: () => void): Promise<Endings> {
  const { name, port, count, openedPerSecond, holdMs } = order;
  const attacks: Readonly<Record<string, Hostility>> = ATTACKS;
  const sockets = new Map<Socket, string>();
  const token = mint({ userId: 6 });
  const startedAt = performance.now();
  for (let opened = 0; opened < count; opened += 1) {
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.66' });
    sockets.set(socket, 'open');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (sockets.get(socket) === 'open') sockets.set(socket, 'cut');
    });
    socket.once('connect', () => {
      const first = attacks[name]?.(socket) ?? null;
      if (first === null) return;
      if (typeof first === 'string' || Buffer.isBuffer(first)) {
        socket.write(first);
        return;
      }
      socket.write(upgradeRequest(`/?token=${token}`));
      for (const bytes of first) socket.write(bytes);
    });
    socket.on('data', (bytes: Buffer) => {
      sockets.set(socket, endingOf(bytes) ?? sockets.get(socket) ?? 'open');
    });
    const dueMs = (opened * 1000) / openedPerSecond;
    if (performance.now() - startedAt < dueMs) await delay(TICK_MS);
  }
  allOpened();
  const held = performance.now();
  for (let open = -1; performance.now() - held < HELD_MS_MAX;) {
    const before = open;
    await delay(holdMs);
    open = [...sockets.values()].filter((ending) => ending === 'open').length;
    if (open === before || open === 0 || open === count) break;
  }
  const endings: Record<string, number> = {};
  for (const [socket, ending] of sockets) {
    endings[ending] = (endings[ending] ?? 0) + 1;
    socket.destroy();
  }
  return endings;
}

/** A refusal's status, or the code of a close frame at the end of what came; null where neither is in it. */
function endingOf(bytes: Buffer): string | null {
  const head = bytes.subarray(0, 12).toString('latin1');
  if (head.startsWith('HTTP/1.1 ') && !head.startsWith('HTTP/1.1 101')) return head.slice(9, 12);
  const at = bytes.lastIndexOf(0x88);
  if (at === -1 || at + 4 > bytes.length) return null;
  const length = bytes.readUInt8(at + 1);
  return at + 2 + length === bytes.length ? String(bytes.readUInt16BE(at + 2)) : null;
}

if (process.send !== undefined && process.argv[2] === 'attack') {
  const order = JSON.parse(process.argv[3] ?? '{}') as AttackOrder;
  const endings = await attack(order, () => process.send?.({ opened: true }));
  process.send({ endings });
  process.disconnect();
}
