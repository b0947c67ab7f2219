/**
 * Exact decimal money: text as the DECIMAL column holds it, compared without ever passing through a float.
 */
import type { Money } from './ids.ts';

/** Digits a DECIMAL column can hold (MySQL manual, "Fixed-Point Types"). */
const MONEY_DIGITS_MAX = 65;

/** Nothing. */
export const ZERO = '0' as Money;

const CANONICAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const LENIENT = /^([+-]?)(\d*)(?:\.(\d*))?$/;
/** Texts up to this long hold at most 15 digits, which a double keeps exactly once the point is taken out. */
const FAST_LENGTH_MAX = 15;

/** Whether a text is money in canonical form: a JSON number without exponent, of at most 65 digits. */
export function isMoney(text: string): text is Money {
  return CANONICAL.test(text) && digitsOf(text) <= MONEY_DIGITS_MAX && !isNegativeZero(text);
}

/**
 * Reads decimal text from a column. The digits after the point are kept as they are (`12.50` stays `12.50`); zerofill,
 * a plus sign and a bare point are brought to canonical form.
 *
 * @returns null for anything that is not a plain decimal number of at most 65 digits
 */
export function parseMoney(text: string): Money | null {
  if (isMoney(text)) {
    return text;
  }
  const match = LENIENT.exec(text);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || whole.length + fraction.length === 0) {
    return null;
  }
  const sign = match[1] === '-' ? '-' : '';
  const unsigned = whole.replace(/^0+(?=\d)/, '').padStart(1, '0') + (fraction && `.${fraction}`);
  const canonical = isNegativeZero(sign + unsigned) ? unsigned : sign + unsigned;
  return isMoney(canonical) ? canonical : null;
}

/**
 * Orders two amounts exactly, whatever their scales: negative when `a` is less, 0 when equal (`12.5` and `12.50`),
 * positive when greater.
 */
export function compareMoney(a: Money, b: Money): number {
  if (a === b) {
    return 0;
  }
  const scaleA = scaleOf(a);
  const scaleB = scaleOf(b);
  if (scaleA === scaleB && a.length <= FAST_LENGTH_MAX && b.length <= FAST_LENGTH_MAX) {
    return Math.sign(fastScaled(a, scaleA) - fastScaled(b, scaleB));
  }
  const scale = Math.max(scaleA, scaleB);
  const difference = scaled(a, scale - scaleA) - scaled(b, scale - scaleB);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

function scaleOf(text: string): number {
  const point = text.indexOf('.');
  return point === -1 ? 0 : text.length - point - 1;
}

/** The amount times 10^scale as a double; exact, because it has at most 15 digits. */
function fastScaled(text: string, scale: number): number {
  return Number(scale === 0 ? text : text.replace('.', ''));
}

function scaled(text: string, extraZeros: number): bigint {
  return BigInt(text.replace('.', '') + '0'.repeat(extraZeros));
}

function digitsOf(text: string): number {
  return text.length - (text.startsWith('-') ? 1 : 0) - (text.includes('.') ? 1 : 0);
}

function isNegativeZero(text: string): boolean {
  return text.startsWith('-') && /^-[0.]*$/.test(text);
}
