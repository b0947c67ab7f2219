import { describe, expect, test } from 'vitest';
import { CLOSE_CODES, closeReaction } from '../../src/protocol/close-code.ts';

describe('close codes', () => {
  test.each(Object.entries(CLOSE_CODES))('[P23] %s follows the ranges', (code, entry) => {
    const number = Number(code);
    if (number >= 4500) {
      expect(entry.client).toBe('stop');
    } else if (number >= 4000) {
      expect(entry.client).toMatch(/^reconnect/);
    }
    expect(Buffer.byteLength(entry.reason)).toBeLessThanOrEqual(123); // RFC 6455, 5.5
    expect(closeReaction(number)).toBe(entry.client);
  });

  test.each([
    [1000, 'reconnect'],
    [1006, 'reconnect'],
    [1011, 'reconnect'],
    [4321, 'reconnect'],
    [4499, 'reconnect'],
    [4599, 'stop'],
    [4999, 'stop'],
    [5000, 'reconnect'],
  ])('[P23] %i, which is not ours: %s', (code, reaction) => {
    expect(closeReaction(code)).toBe(reaction);
  });
});
