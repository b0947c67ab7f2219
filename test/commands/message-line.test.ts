import { stripVTControlCharacters } from 'node:util';

import { expect, test } from 'vitest';

import { messageLine } from '../../src/commands/message-line.ts';

const AT_MS = new Date(2026, 1, 1, 10, 30, 0, 7).getTime();
const lineOf = (json: string, colour = false): string => messageLine(json, { atMs: AT_MS, colour });
const columns = (...parts: [type: string, item: string, amount: string, text: string]): string =>
  `10:30:00.007 ${parts[0].padEnd(19)} ${parts[1].padEnd(10)} ${parts[2].padStart(12)}  ${parts[3]}`.trimEnd();

test.each([
  [
    '{"type":"bid_update","eventId":"e","itemId":42,"bidAmount":12.50,"bidderId":3,"bidderName":"Bob","timestamp":"t","reserveMet":true,"bidId":9,"bidCount":14}',
    columns('bid_update', 'item 42', '12.50', 'Bob (3) · 14 bids · reserve met'),
  ],
  [
    '{"type":"bid_update","itemId":42,"bidAmount":99999999999999999.99,"bidderId":3,"bidderName":null,"reserveMet":null}',
    columns('bid_update', 'item 42', '99999999999999999.99', 'user 3'),
  ],
  [
    '{"type":"outbid","itemId":1,"newBidAmount":15.00,"yourBidAmount":12.50}',
    columns('outbid', 'item 1', '15.00', 'over 12.50'),
  ],
  [
    '{"type":"outbid","itemId":1,"newBidAmount":15,"yourBidAmount":null}',
    columns('outbid', 'item 1', '15', 'over an unknown bid'),
  ],
  [
    '{"type":"auction_ending","itemId":1,"secondsRemaining":30,"endTime":"T","serverTime":"S"}',
    columns('auction_ending', 'item 1', '', 'ends in 30 s (T)'),
  ],
  [
    '{"type":"auction_extended","itemId":1,"newEndTime":"T"}',
    columns('auction_extended', 'item 1', '', 'now ends T'),
  ],
  [
    '{"type":"auction_ended","itemId":1,"finalPrice":15.10,"winnerId":4,"winnerName":"Carol","outcome":"sold"}',
    columns('auction_ended', 'item 1', '15.10', 'sold · won by Carol (4)'),
  ],
  [
    '{"type":"auction_ended","itemId":1,"finalPrice":null,"winnerId":null,"winnerName":null,"outcome":"unsold"}',
    columns('auction_ended', 'item 1', '', 'unsold · no winner'),
  ],
  [
    '{"type":"subscribed","itemId":1,"state":{"status":"active","currentPrice":10.00,"bidCount":1,"highestBidderId":3,"endTime":"T","reserveMet":null},"recovered":false}',
    columns('subscribed', 'item 1', '10.00', 'active · 1 bid · ends T · not recovered'),
  ],
  [
    '{"type":"error","code":"item_not_found","message":"Item not found","itemId":5}',
    columns('error', 'item 5', '', 'item_not_found: Item not found'),
  ],
  [
    '{"type":"hello","userId":7,"limits":{"a":1}}',
    columns('hello', '', '', 'userId=7 limits={"a":1}'),
  ],
  ['{"type":"brand_new","itemId":"lot-7","x":"y"}', columns('brand_new', 'item lot-7', '', 'x=y')],
  ['not JSON', columns('message', '', '', '')],
])('%s', (json, line) => {
  expect(lineOf(json)).toBe(line);
});

test('colours change nothing but the looks', () => {
  const json =
    '{"type":"bid_update","itemId":42,"bidAmount":12.50,"bidderId":3,"bidderName":"Bob"}';
  expect(lineOf(json, true)).not.toBe(lineOf(json));
  expect(stripVTControlCharacters(lineOf(json, true))).toBe(lineOf(json));
});

test('an amount in a name is not taken for the amount', () => {
  const bidderName = '"bidAmount":99, "bidAmount":98';
  const json = JSON.stringify({
    type: 'bid_update',
    bidderName,
    itemId: 1,
    bidAmount: 5,
    bidderId: 3,
  });
  expect(lineOf(json)).toContain('            5  ');
});

test('names cannot command the terminal', () => {
  const bidderName = 'Bob\u001b[2J\u0007\r\n\u202eevil\u009b1m';
  const line = lineOf(
    JSON.stringify({ type: 'bid_update', itemId: 1, bidAmount: 5, bidderId: 3, bidderName }),
  );
  expect(line).toContain('Bob·[2J····evil·1m (3)');
});
