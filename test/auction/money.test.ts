import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareMoney, isMoney, parseMoney } from '../../src/auction/money.ts';
import { money } from './builders.ts';

/** Decimal text of up to 65 digits with the digits and scale it was made from. */
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 65n - 1n }), fc.nat(30))
  .map(([isNegative, digits, scale]) => {
    const text = digits.toString().padStart(scale + 1, '0');
    const whole = text.slice(0, text.length - scale);
    const unsigned = scale === 0 ? whole : `${whole}.${text.slice(text.length - scale)}`;
    return {
      text: isNegative && digits > 0n ? `-${unsigned}` : unsigned,
      scaled: (isNegative ? -digits : digits) * 10n ** BigInt(30 - scale),
    };
  })
  .filter(({ text }) => text.replace(/[-.]/g, '').length <= 65);

describe('parseMoney', () => {
  test.each([
    ['12.50', '12.50'],
    ['0', '0'],
    ['0.00', '0.00'],
    ['-3.10', '-3.10'],
    ['000012.50', '12.50'],
    ['+7', '7'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['-0.00', '0.00'],
    ['00', '0'],
  ])('reads %s as %s', (text, canonical) => {
    expect(parseMoney(text)).toBe(canonical);
  });

  test.each(['', '.', '-', '1e3', '1,5', ' 1', '1 ', '0x1', 'NaN', '1.2.3', '9'.repeat(66)])(
    'refuses %j',
    (text) => {
      expect(parseMoney(text)).toBeNull();
    },
  );

  test('every result is a JSON number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[+-]?\d{0,6}\.?\d{0,4}$/), (text) => {
        const amount = parseMoney(text);
        if (amount !== null) {
          expect(isMoney(amount)).toBe(true);
          // There is no negative nothing.
          expect(JSON.parse(amount)).toBe(Number(text) + 0);
        }
      }),
    );
  });
});

describe('compareMoney', () => {
  test.each([
    ['12.5', '12.50', 0],
    ['9.99', '10.00', -1],
    ['100', '99.99', 1],
    ['-1', '1', -1],
    ['9007199254740993', '9007199254740992', 1],
    ['0.1', '0.10000000000000000000000000000001', -1],
  ])('%s against %s is %i', (a, b, expected) => {
    expect(Math.sign(compareMoney(money(a), money(b)))).toBe(expected);
  });

  test('agrees with whole numbers of the smallest unit', () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const expected = a.scaled === b.scaled ? 0 : a.scaled < b.scaled ? -1 : 1;
        expect(Math.sign(compareMoney(money(a.text), money(b.text)))).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('agrees with whole cents on everyday amounts', () => {
    const cents = fc.integer({ min: -1_000_000, max: 1_000_000 });
    fc.assert(
      fc.property(cents, cents, (a, b) => {
        const difference = compareMoney(money((a / 100).toFixed(2)), money((b / 100).toFixed(2)));
        expect(Math.sign(difference)).toBe(Math.sign(a - b));
      }),
    );
  });
});
