import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fieldsOf, numberOf, parseObject, textOf } from '../../demo/page/json-fields.ts';

describe('JSON from outside', () => {
  test('the fields of an object', () => {
    expect(parseObject('{"itemId":1,"amount":12.50}')).toEqual({ itemId: 1, amount: 12.5 });
  });

  test('what is no object is null, never thrown', () => {
    for (const text of ['', '[]', '7', 'null', '"x"', '{"half":']) {
      expect(parseObject(text)).toBeNull();
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseObject(text);
      }),
    );
    expect(fieldsOf(undefined)).toBeNull();
  });

  test('a field of another kind is null', () => {
    expect([numberOf(1.5), numberOf('1'), numberOf(Infinity), numberOf(null)]).toEqual([
      1.5,
      null,
      null,
      null,
    ]);
    expect([textOf('x'), textOf(''), textOf(1)]).toEqual(['x', '', null]);
  });
});
