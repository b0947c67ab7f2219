import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseFrame } from '../../demo/page/wire.ts';

describe('frames as the page reads them', () => {
  test('a bid', () => {
    const text = `{"type":"bid_update","eventId":"e1","itemId":1,"bidAmount":12.50,"bidderId":3,
      "bidderName":"Bob","timestamp":"2026-02-01T10:30:00.000Z","reserveMet":null,"bidId":5,"bidCount":2}`;
    expect(parseFrame(text)).toEqual({
      eventId: 'e1',
      message: {
        type: 'bid_update',
        itemId: 1,
        bidId: 5,
        bidAmount: 12.5,
        bidderId: 3,
        bidderName: 'Bob',
        bidCount: 2,
        reserveMet: null,
      },
    });
  });

  test('an end time becomes epoch ms', () => {
    const text =
      '{"type":"auction_extended","eventId":"e2","itemId":1,"newEndTime":"1970-01-01T00:00:01.500Z"}';
    expect(parseFrame(text)?.message).toMatchObject({ endTimeMs: 1500 });
  });

  test('unknown types, half messages and other things are ignored, never thrown', () => {
    for (const text of ['', '[]', '7', '{"type":"watchers","count":3}', '{"type":"bid_update"}']) {
      expect(parseFrame(text)).toBeNull();
    }
    fc.assert(
      fc.property(fc.json(), (text) => {
        parseFrame(text);
      }),
    );
  });
});
