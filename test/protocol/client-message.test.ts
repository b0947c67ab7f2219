import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ITEM_IDS_MAX } from '../../src/protocol/client-message-schema.ts';
import { parseClientMessage } from '../../src/protocol/client-message.ts';

function parse(message: unknown): object {
  return parseClientMessage(JSON.stringify(message));
}

const subscribed = (...itemIds: string[]): object => ({
  ok: true,
  message: { action: 'subscribe', itemIds, since: null, watchers: false },
});

describe('subscribe and unsubscribe', () => {
  test.each([
    [1, '1'],
    ['1', '1'],
    ['007', '7'],
    [' 12 ', '12'],
    ['+3', '3'],
    [9_007_199_254_740_991, '9007199254740991'],
    ['18446744073709551615', '18446744073709551615'],
  ])('[P10] item id %j is %s', (itemId, text) => {
    expect(parse({ action: 'subscribe', itemId })).toEqual(subscribed(text));
    expect(parse({ action: 'unsubscribe', itemId })).toEqual({
      ok: true,
      message: { action: 'unsubscribe', itemIds: [text] },
    });
  });

  test.each([
    undefined,
    null,
    '',
    ' ',
    'abc',
    '12abc',
    '1.5',
    1.5,
    0,
    '0',
    -1,
    '-1',
    2 ** 53,
    '1'.repeat(21),
    true,
    [1],
    {},
  ])('[P10] item id %j is invalid', (itemId) => {
    for (const action of ['subscribe', 'unsubscribe'] as const) {
      const expected = { ok: false, code: 'invalid_item_id', action };
      expect(parse({ action, itemId })).toEqual(expected);
    }
  });

  test('[P10] [P11] itemIds: in order, each once, all or nothing, bounded', () => {
    expect(parse({ action: 'subscribe', itemIds: [3, '1', 3] })).toEqual(subscribed('3', '1'));
    const refused = (code: string): object => ({ ok: false, code, action: 'subscribe' });
    for (const itemIds of [[], [1, 'x'], 'x', 1, { 0: 1, length: 1 }]) {
      expect(parse({ action: 'subscribe', itemIds })).toEqual(refused('invalid_item_id'));
    }
    const many = Array.from({ length: ITEM_IDS_MAX }, (_, i) => i + 1);
    expect(parse({ action: 'subscribe', itemIds: many })).toMatchObject({ ok: true });
    expect(parse({ action: 'subscribe', itemIds: [...many, 1] })).toEqual(
      refused('too_many_subscriptions'),
    );
  });

  test.each([
    [undefined, null],
    [null, null],
    ['g0-1-5', 'g0-1-5'],
    ['', ''],
    [5, ''],
    [{}, ''],
    ['x'.repeat(513), ''],
  ])('[P31] since %j is %j: given but malformed never recovers', (since, expected) => {
    expect(parse({ action: 'subscribe', itemId: 1, since })).toMatchObject({
      message: { since: expected },
    });
  });

  test.each([
    [true, true],
    [false, false],
    [undefined, false],
    ['yes', false],
  ])('watchers %j is %j', (watchers, expected) => {
    expect(parse({ action: 'subscribe', itemId: 1, watchers })).toMatchObject({
      message: { watchers: expected },
    });
  });

  test('[P16] the mobile app: channel notifications', () => {
    expect(parse({ action: 'subscribe', channel: 'notifications' })).toEqual({
      ok: true,
      message: { action: 'subscribe_notifications' },
    });
    expect(parse({ action: 'unsubscribe', channel: 'notifications' })).toEqual({
      ok: true,
      message: { action: 'unsubscribe_notifications' },
    });
    expect(parse({ action: 'subscribe', channel: 'notifications', itemId: 1 })).toEqual(
      subscribed('1'),
    );
    expect(parse({ action: 'subscribe', channel: 'news' })).toMatchObject({
      code: 'invalid_item_id',
    });
  });
});

describe('others', () => {
  test.each([{ action: 'ping' }, { type: 'ping' }, { action: 'ping', itemId: 'x' }])(
    '[P17] ping: %j',
    (message) => {
      expect(parse(message)).toEqual({ ok: true, message: { action: 'ping' } });
    },
  );

  test('authenticate', () => {
    expect(parse({ action: 'authenticate', token: 'a.b.c' })).toEqual({
      ok: true,
      message: { action: 'authenticate', token: 'a.b.c' },
    });
    for (const token of [undefined, null, '', 5, 'x'.repeat(8_193)]) {
      expect(parse({ action: 'authenticate', token })).toEqual({
        ok: false,
        code: 'invalid_message',
        action: 'authenticate',
      });
    }
  });

  test.each([
    'x',
    '',
    '{',
    'null',
    '1',
    '"subscribe"',
    '[]',
    '[{"action":"ping"}]',
    '{}',
    '{"itemId":1}',
    '{"action":null}',
    '{"type":"pong"}',
  ])('invalid message: %s', (text) => {
    expect(parseClientMessage(text)).toEqual({ ok: false, code: 'invalid_message', action: null });
  });

  test.each(['dance', 'Subscribe', '', 5, true, [], 'subscribe_notifications', '__proto__'])(
    'unknown action: %j',
    (action) => {
      expect(parse({ action, itemId: 1 })).toEqual({
        ok: false,
        code: 'unknown_action',
        action: null,
      });
    },
  );

  test('an action comes only from the message itself', () => {
    expect(parseClientMessage('{"__proto__":{"action":"ping"}}')).toMatchObject({
      code: 'invalid_message',
    });
    expect(parse({ type: 'ping', action: 'dance' })).toMatchObject({ code: 'unknown_action' });
  });
});

describe('fuzz', () => {
  const known = fc.record(
    {
      action: fc.oneof(
        fc.constantFrom('subscribe', 'unsubscribe', 'authenticate', 'ping'),
        fc.jsonValue(),
      ),
      type: fc.oneof(fc.constant('ping'), fc.jsonValue()),
      itemId: fc.jsonValue(),
      itemIds: fc.jsonValue(),
      since: fc.jsonValue(),
      token: fc.jsonValue(),
      channel: fc.oneof(fc.constant('notifications'), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    known.map((value) => JSON.stringify(value)),
  );

  test('never throws, and every item id it lets through is canonical', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseClientMessage(text);
        if (parsed.ok && 'itemIds' in parsed.message) {
          for (const itemId of parsed.message.itemIds) {
            expect(itemId).toMatch(/^[1-9]\d{0,19}$/);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('survives nesting as deep as a message can hold', () => {
    const deep = `{"action":"subscribe","itemId":${'['.repeat(8_000)}${']'.repeat(8_000)}}`;
    expect(parseClientMessage(deep)).toMatchObject({ ok: false });
  });
});
