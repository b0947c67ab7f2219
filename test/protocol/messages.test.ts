/**
 * Every message against its golden file, and every field of the old server's samples against ours. After a wanted
 * change of the wire: `vitest run test/protocol -u`, read the diff, and raise the protocol's version if it breaks one.
 */
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseZone } from '../../src/auction/zone.ts';
import { userIdOf } from '../../src/auction/ids.ts';
import { encodeEvent, shownName, userNamedIn } from '../../src/protocol/event-message.ts';
import { encodeSubscribed } from '../../src/protocol/server-message.ts';
import { bookWith, LEADER_SCHEMA, money } from '../auction/builders.ts';
import { BID, CONTEXT, ENDED, EVENTS, LEGACY_CONTEXT, MESSAGES } from './golden-messages.ts';

const GOLDEN = new URL('golden/', import.meta.url);

describe('golden files', () => {
  test.each(Object.entries(MESSAGES))('%s', async (name, json) => {
    await expect(`${json}\n`).toMatchFileSnapshot(new URL(`${name}.json`, GOLDEN).pathname);
    expect(() => void JSON.parse(json)).not.toThrow();
  });

  test('there is none that no message has', async () => {
    const names = (await readdir(GOLDEN)).map((file) => file.replace(/\.json$/, ''));
    expect(names.toSorted()).toEqual(Object.keys(MESSAGES).toSorted());
  });
});

// The samples of the old server, as clients in the field know them.
const OLD: Readonly<Record<string, string>> = {
  subscribed: '{"type":"subscribed","itemId":1}',
  unsubscribed: '{"type":"unsubscribed","itemId":1}',
  'error.item_not_found': '{"type":"error","message":"Item not found"}',
  'bid_update.legacy_times':
    '{"type":"bid_update","eventId":"bid_6920c1","itemId":1,"bidAmount":12.5,"bidderId":3,"bidderName":"Bob","timestamp":"2026-02-01 11:30:00","reserveMet":null}',
  outbid:
    '{"type":"outbid","eventId":"outbid_6920c2","itemId":1,"newBidAmount":15,"yourBidAmount":12.5}',
  auction_ending:
    '{"type":"auction_ending","eventId":"ending_6920c3","itemId":1,"secondsRemaining":180}',
  auction_ended:
    '{"type":"auction_ended","eventId":"ended_6920c5","itemId":1,"finalPrice":15,"winnerId":4,"winnerName":"Carol"}',
  pong: '{"type":"pong"}',
};

/** A message as an object; nothing is believed of its fields. */
function fieldsOf(json: string): Record<string, unknown> {
  const value: unknown = JSON.parse(json);
  expect(value).toBeTypeOf('object');
  return value as Record<string, unknown>;
}

describe('old messages', () => {
  test.each(Object.entries(OLD))(
    '[P2] %s keeps names, JSON types, values and order',
    (name, sample) => {
      const old = fieldsOf(sample);
      const ours = fieldsOf(MESSAGES[name] ?? 'null');
      for (const [field, value] of Object.entries(old)) {
        if (field === 'eventId') {
          expect(ours[field]).toBeTypeOf('string');
        } else {
          expect(ours[field]).toBe(value);
        }
      }
      if (name !== 'error.item_not_found') {
        expect(Object.keys(ours).slice(0, Object.keys(old).length)).toEqual(Object.keys(old));
      }
    },
  );

  test('auction_extended with legacy times', () => {
    const wire = encodeEvent(EVENTS['auction_extended'] ?? BID, LEGACY_CONTEXT);
    expect(fieldsOf(wire.json)).toMatchObject({
      type: 'auction_extended',
      itemId: 1,
      newEndTime: '2026-02-01 11:34:00',
    });
  });

  test.each([
    ['invalid_message', 'Invalid message'],
    ['invalid_item_id', 'Invalid item ID'],
    ['unknown_action', 'Unknown action'],
    ['item_not_found', 'Item not found'],
  ])('error %s says exactly %j', (code, text) => {
    expect(fieldsOf(MESSAGES[`error.${code}`] ?? '')).toMatchObject({ code, message: text });
  });
});

describe('audience and classes', () => {
  test.each([
    ['bid_update', { itemId: '1', userIds: [] }, { v2Only: false, conflatable: true }],
    ['outbid', { itemId: null, userIds: ['3'] }, { v2Only: false, conflatable: false }],
    ['auction_ending', { itemId: '1', userIds: [] }, { ephemeral: true, conflatable: true }],
    ['auction_extended', { itemId: '1', userIds: [] }, { v2Only: false, conflatable: false }],
    ['auction_rescheduled', { itemId: '1', userIds: [] }, { v2Only: true, conflatable: false }],
    ['auction_ended', { itemId: '1', userIds: ['4', '9'] }, { v2Only: false, conflatable: false }],
    ['auction_ended.unsold', { itemId: '1', userIds: ['9'] }, { ephemeral: false }],
    ['auction_started', { itemId: '1', userIds: [] }, { v2Only: true, conflatable: false }],
    ['bid_retracted', { itemId: '1', userIds: [] }, { v2Only: true, conflatable: false }],
  ])('%s', (name, audience, classes) => {
    const event = EVENTS[name];
    expect(event).toBeDefined();
    const wire = event === undefined ? null : encodeEvent(event, CONTEXT);
    expect(wire).toMatchObject({
      audience,
      ...classes,
      itemId: '1',
      type: name.replace(/\..*/, ''),
      eventId: event?.eventId,
    });
    expect(wire?.ephemeral).toBe(name === 'auction_ending');
  });

  test('[P27] a seller who wins his own auction is one user', () => {
    const wire = encodeEvent({ ...ENDED, sellerId: userIdOf(4) }, CONTEXT);
    expect(wire.audience.userIds).toEqual(['4']);
  });

  test('a standing and a watchlist row have no message', () => {
    const { eventId, itemId } = BID;
    const userId = userIdOf(3);
    expect(
      encodeEvent({ type: 'WatchlistChanged', eventId, userId, itemId, watching: true }, CONTEXT),
    ).toBeNull();
    expect(
      encodeEvent(
        { type: 'UserStandingChanged', eventId, userId, mayConnect: false, suspendedUntilMs: null },
        CONTEXT,
      ),
    ).toBeNull();
  });
});

describe('values', () => {
  test('[P18] amounts keep exactly their digits', () => {
    for (const amount of ['12.50', '0.10', '100', '12345678901234567890.123456789012345678']) {
      const wire = encodeEvent({ ...BID, amount: money(amount) }, CONTEXT);
      expect(wire.json).toContain(`"bidAmount":${amount},`);
    }
  });

  test.each([
    ['Bob', 'full', 'Bob'],
    ['Bob', 'masked', 'B***'],
    [' élodie', 'masked', 'é***'],
    ['😀x', 'masked', '😀***'],
    ['', 'masked', '***'],
    [null, 'masked', null],
    ['Bob', 'none', null],
    [null, 'full', null],
  ] as const)('[P21] name %j %s: %j', (name, bidderNames, shown) => {
    expect(shownName(name, bidderNames)).toBe(shown);
  });

  test('[P21] winnerName is as secret as bidderName', () => {
    const wire = encodeEvent(ENDED, { ...CONTEXT, bidderNames: 'none' });
    expect(fieldsOf(wire.json)).toMatchObject({ winnerId: 4, winnerName: null });
  });

  test('names that need escaping stay one field', () => {
    const name = '"},{"type":"x\u2028\n';
    const wire = encodeEvent(BID, { ...CONTEXT, nameOf: () => name });
    expect(fieldsOf(wire.json)).toMatchObject({ bidderName: name, type: 'bid_update' });
  });

  test('only names of users an event shows are asked for', () => {
    expect(Object.values(EVENTS).map((event) => userNamedIn(event))).toEqual(
      Object.values(EVENTS).map((event) =>
        event.type === 'BidPlaced'
          ? event.bidderId
          : event.type === 'AuctionEnded'
            ? event.winnerId
            : null,
      ),
    );
  });

  test('[P20] legacy times are those of the database; our own clock stays ISO', () => {
    const ending = encodeEvent(EVENTS['auction_ending'] ?? BID, LEGACY_CONTEXT);
    expect(fieldsOf(ending.json)).toMatchObject({
      endTime: '2026-02-01 11:34:00',
      serverTime: '2026-02-01T10:30:00.250Z',
    });
  });

  test('[P21] the reserve price is in no state, only whether it is met', () => {
    const reservePrice = money('987654.32');
    const book = bookWith(LEADER_SCHEMA, { reservePrice, bidCount: 1, leaderId: userIdOf(3) });
    for (const auction of book.values()) {
      const json = encodeSubscribed({
        auction,
        recovered: null,
        serverTimeMs: 0,
        legacyTimesZone: parseZone('UTC'),
      });
      expect(json).not.toContain('987654');
      expect(fieldsOf(json)).toMatchObject({ state: { reserveMet: false } });
    }
  });
});
