import { expect, test } from 'vitest';
import { readCredentials } from '../../server/credentials.ts';

test('the old clients: a token in the query, version 1, any path', () => {
  expect(readCredentials('/?token=a.b.c', {})).toMatchObject({
    path: '/',
    version: 1,
    token: 'a.b.c',
  });
  expect(readCredentials('/live/x?foo=1&token=a.b.c', {})).toMatchObject({
    path: '/live/x',
    version: 1,
    token: 'a.b.c',
  });
});

test('no token at all', () => {
  expect(readCredentials('/', {})).toEqual({
    path: '/',
    version: 1,
    token: null,
    since: null,
    watchlist: false,
  });
});

test('an authorization header', () => {
  expect(readCredentials('/', { authorization: 'Bearer a.b.c' }).token).toBe('a.b.c');
  expect(readCredentials('/', { authorization: 'bearer a.b.c' }).token).toBe('a.b.c');
  expect(readCredentials('/', { authorization: 'Basic YTpi' }).token).toBeNull();
  expect(readCredentials('/', { authorization: 'Bearer a b' }).token).toBeNull();
});

test('subprotocols: version 2 and a bearer beside it', () => {
  const headers = { 'sec-websocket-protocol': 'gavelcast.v2, bearer.a.b.c' };
  expect(readCredentials('/', headers)).toMatchObject({ path: '/', version: 2, token: 'a.b.c' });
});

test('?v=2 asks for version 2, other values do not', () => {
  expect(readCredentials('/?v=2', {}).version).toBe(2);
  expect(readCredentials('/?v=20', {}).version).toBe(1);
  expect(readCredentials('/?v=', {}).version).toBe(1);
});

test('the first carrier that is there counts', () => {
  const headers = { authorization: 'Bearer header', 'sec-websocket-protocol': 'bearer.sub' };
  expect(readCredentials('/?token=query', headers).token).toBe('query');
  expect(readCredentials('/', headers).token).toBe('header');
});

test('what is asked for by address: a position, and in version 2 the watchlist', () => {
  expect(readCredentials('/?since=g1.0.0.x&watchlist=1', {})).toMatchObject({
    since: 'g1.0.0.x',
    watchlist: false,
  });
  expect(readCredentials('/?v=2&since=&watchlist=1', {})).toMatchObject({
    since: '',
    watchlist: true,
  });
  expect(readCredentials('/?v=2&watchlist=yes', {}).watchlist).toBe(false);
});
