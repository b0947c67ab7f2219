/**
 * The schemas against what is really said and understood: every golden file, arbitrary events, and the parser.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goldenTexts, messageOfGolden, schemaHash } from '../../scripts/asyncapi.ts';
import type { AuctionEvent } from '../../src/auction/domain-event.ts';
import { eventIdOf } from '../../src/auction/event-id.ts';
import { bidIdOf, itemIdOf, userIdOf } from '../../src/auction/ids.ts';
import { parseClientMessage } from '../../src/protocol/client-message.ts';
import { ITEM_IDS_MAX } from '../../src/protocol/client-message-schema.ts';
import { encodeEvent } from '../../src/protocol/event-message.ts';
import {
  CLIENT_MESSAGES,
  SCHEMA_HASH,
  SERVER_MESSAGES,
  type ClientMessageDefinition,
  type ServerMessageDefinition,
} from '../../src/protocol/message-schema.ts';
import { money } from '../auction/builders.ts';
import { CONTEXT, LEGACY_CONTEXT } from './golden-messages.ts';

const CLIENT = Object.values<ClientMessageDefinition>(CLIENT_MESSAGES);
const SERVER: Readonly<Record<string, ServerMessageDefinition>> = SERVER_MESSAGES;
const GOLDENS = [...goldenTexts()];

/** The message as its schema sees it: fields the schema does not know are left out. */
function read(name: string, json: string): unknown {
  const definition = SERVER[name];
  expect(definition, `no message ${name}`).toBeDefined();
  return definition?.schema.parse(JSON.parse(json));
}

describe('what the server says', () => {
  test.each(GOLDENS)('%s: its schema knows every field of it', (file, json) => {
    expect(read(messageOfGolden(file), json)).toEqual(JSON.parse(json));
  });

  test.each(GOLDENS)('%s: a field that is lost or of another type is noticed', (file, json) => {
    const name = messageOfGolden(file);
    const optional = ['skipped', 'recovered', 'lastEventId', 'action'];
    if (name === 'error') optional.push('itemId');
    const fields = Object.entries(JSON.parse(json) as object);
    const accepts = (message: object): boolean =>
      SERVER[name]?.schema.safeParse(message).success ?? true;
    for (const [field] of fields) {
      const others = fields.filter(([other]) => other !== field);
      expect(accepts(Object.fromEntries(others)), `without ${field}`).toBe(
        optional.includes(field),
      );
      expect(accepts(Object.fromEntries([...others, [field, [true]]])), `bad ${field}`).toBe(false);
    }
  });

  test('every message has a golden file', () => {
    const said = new Set(GOLDENS.map(([file]) => messageOfGolden(file)));
    expect([...said].toSorted()).toEqual(Object.keys(SERVER).toSorted());
  });

  test('v2 alone gets what is marked v2', () => {
    for (const { event } of sampleEvents()) {
      const wire = encodeEvent(event, CONTEXT);
      expect(SERVER[wire.type]?.since).toBe(wire.v2Only ? 'v2' : 'v1');
    }
  });

  test('whatever happens in an auction, its schema knows the message', () => {
    fc.assert(
      fc.property(events(), fc.boolean(), (event, legacyTimes) => {
        const wire = encodeEvent(event, legacyTimes ? LEGACY_CONTEXT : CONTEXT);
        const json = wire.json;
        expect(read(wire.type, json)).toEqual(JSON.parse(json));
      }),
      { numRuns: 500 },
    );
  });
});

describe('what clients say', () => {
  const accepted = (value: unknown): boolean =>
    CLIENT.some(({ schema }) => schema.safeParse(value).success);
  const ids = fc.oneof(
    fc.integer(),
    fc.constantFrom('1', ' 7 ', '+3', '007', 'x', null, '', 1.5, 2 ** 53, '1'.repeat(21)),
    fc.jsonValue(),
  );
  const messages = fc.record(
    {
      action: fc.oneof(
        {
          weight: 5,
          arbitrary: fc.constantFrom('subscribe', 'unsubscribe', 'authenticate', 'ping'),
        },
        fc.jsonValue(),
      ),
      type: fc.oneof(fc.constant('ping'), fc.jsonValue()),
      itemId: ids,
      itemIds: fc.oneof(fc.array(ids), fc.array(fc.integer({ min: 1 })), fc.jsonValue()),
      since: fc.oneof(fc.string(), fc.jsonValue()),
      watchers: fc.oneof(fc.boolean(), fc.jsonValue()),
      token: fc.oneof(fc.string(), fc.jsonValue()),
      channel: fc.oneof(fc.constant('notifications'), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );

  test('the parser takes exactly the messages that a published schema describes', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 5, arbitrary: messages }, fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        expect(parseClientMessage(text).ok, text).toBe(accepted(JSON.parse(text)));
      }),
      { numRuns: 5000 },
    );
  });

  test('so at the bound of item ids', () => {
    for (const length of [0, 1, ITEM_IDS_MAX, ITEM_IDS_MAX + 1]) {
      for (const action of ['subscribe', 'unsubscribe']) {
        const message = { action, itemIds: Array.from({ length }, (_, at) => at + 1) };
        expect(parseClientMessage(JSON.stringify(message)).ok).toBe(accepted(message));
        expect(accepted(message)).toBe(length > 0 && length <= ITEM_IDS_MAX);
      }
    }
  });
});

test('the schemas are those of the pinned version', () => {
  // Where this fails: raise PROTOCOL_VERSION as its comment says, pin the new hash, run `npm run docs:asyncapi`.
  expect(schemaHash()).toBe(SCHEMA_HASH);
});

function sampleEvents(): readonly { readonly event: AuctionEvent }[] {
  return fc.sample(events(), 200).map((event) => ({ event }));
}

/** Events of auctions with arbitrary values in every field. */
function events(): fc.Arbitrary<AuctionEvent> {
  const ms = fc.integer({ min: 0, max: Date.UTC(9999, 0) });
  const id = fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 64n }), fc.constantFrom('a-b', '"'));
  const amount = fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.integer({ min: 0, max: 99 }))
    .map(([whole, cents]) => money(`${String(whole)}.${String(cents).padStart(2, '0')}`));
  const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
    fc.option(value, { nil: null });
  const itemId = id.map(itemIdOf);
  const userId = id.map(userIdOf);
  const bidId = id.map(bidIdOf);
  const transactionId = fc.constantFrom('0-1-5', 'mysql-bin.000001:4', 'anything "else"');
  const index = fc.nat();
  const eventId = fc.record({ transactionId, index, ordinal: index, timestampMs: ms });
  const base = { eventId: eventId.map(eventIdOf), itemId };
  const of = <Type extends string>(type: Type): { readonly type: fc.Arbitrary<Type> } => ({
    type: fc.constant(type),
  });
  return fc.oneof(
    fc.record({
      ...base,
      ...of('BidPlaced'),
      bidId,
      bidderId: userId,
      amount,
      placedAtMs: orNull(ms),
      reserveMet: orNull(fc.boolean()),
      bidCount: fc.nat(),
    }),
    fc.record({
      ...base,
      ...of('LeaderOutbid'),
      userId,
      newBidAmount: amount,
      yourBidAmount: orNull(amount),
    }),
    fc.record({ ...base, ...of('EndingAnnounced'), secondsRemaining: fc.nat(), endTimeMs: ms }),
    fc.record({
      ...base,
      ...of('EndTimeMoved'),
      direction: fc.constantFrom('earlier' as const, 'later' as const),
      endTimeMs: ms,
    }),
    fc.record({
      ...base,
      ...of('AuctionEnded'),
      outcome: fc.constantFrom('sold', 'unsold', 'reserve_not_met', 'cancelled'),
      finalPrice: orNull(amount),
      winnerId: orNull(userId),
      sellerId: orNull(userId),
    }),
    fc.record({
      ...base,
      ...of('AuctionStarted'),
      endTimeMs: orNull(ms),
      currentPrice: orNull(amount),
    }),
    fc.record({ ...base, ...of('BidRetracted'), bidId, currentPrice: orNull(amount) }),
  );
}
