/**
 * JSON from outside, read field by field: what is not of the wanted kind is null.
 */

type Fields = Readonly<Record<string, unknown>>;

/** A JSON object's fields, or null for anything else. */
export function parseObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return fieldsOf(value);
  } catch {
    return null;
  }
}

/** The fields of an object that came from outside; null for what is not one. */
export function fieldsOf(value: unknown): Fields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(Object.entries(value));
}

/** A finite number, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A string, or null. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
