import { expect, test } from 'vitest';
import { inheritedSocket } from '../../src/commands/inherited-socket.ts';

const passed = (count: string, names?: string) => ({
  LISTEN_PID: '42',
  LISTEN_FDS: count,
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
});

test('without a service manager there is none', () => {
  expect(inheritedSocket({}, 42)).toEqual({ ok: true, fd: null });
});

test('sockets of the process that started us are not ours', () => {
  expect(inheritedSocket(passed('1'), 43)).toEqual({ ok: true, fd: null });
});

test('one socket is ours, whatever it is called', () => {
  expect(inheritedSocket(passed('1'), 42)).toEqual({ ok: true, fd: 3 });
  expect(inheritedSocket(passed('1', 'auction-websocket.socket'), 42)).toEqual({ ok: true, fd: 3 });
});

test('of several, the one called websocket is ours', () => {
  expect(inheritedSocket(passed('3', 'a:b:websocket'), 42)).toEqual({ ok: true, fd: 5 });
});

test.each([
  passed('2'),
  passed('2', 'a:b'),
  passed('2', 'websocket:websocket'),
  passed('1.5'),
  passed('many'),
  passed('0'),
])('no guessing: %o', (env) => {
  expect(inheritedSocket(env, 42)).toMatchObject({ ok: false, problem: { name: 'LISTEN_FDS' } });
});
