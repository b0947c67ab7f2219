/**
 * Reads the head of a request that plainly is a WebSocket handshake, and nothing else: whatever it does not know for
 * sure is left to Node's HTTP parser, which decides about it. What it does read, it reads as that parser would.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface UpgradeHead {
  /** Path and query, as sent. */
  readonly url: string;
  /** By their names in lower case, as Node's HTTP gives them. */
  readonly headers: IncomingHttpHeaders;
}

/** Longer heads than any browser's are HTTP's business. */
const HEAD_BYTES_MAX = 12 * 1024;
const END = '\r\n\r\n';
const REQUEST_LINE = /^GET (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
const AROUND_VALUE = /^[\t ]+|[\t ]+$/g;
const NAMES_UPGRADE = /(?:^|,)[\t ]*upgrade[\t ]*(?:,|$)/i;
/** A body follows, or something is to be answered before; and the one header whose value HTTP gives as a list. */
const NOT_OF_HANDSHAKES = ['content-length', 'transfer-encoding', 'expect', 'set-cookie'] as const;

/**
 * @param bytes what came first from a new client
 * @param headersMax more headers than this are not read
 * @returns null unless it is one whole head of a WebSocket handshake, without a byte after it and with nothing unusual
 */
export function readUpgradeHead(bytes: Buffer, headersMax: number): UpgradeHead | null {
  if (bytes.length > HEAD_BYTES_MAX) return null;
  const text = bytes.toString('latin1');
  const end = text.indexOf(END);
  if (end === -1 || end + END.length !== text.length) return null;
  const [first = '', ...fields] = text.slice(0, end).split('\r\n');
  const url = REQUEST_LINE.exec(first)?.[1];
  if (url === undefined || fields.length > headersMax) return null;
  const headers = readFields(fields);
  return headers !== null && isHandshake(headers) ? { url, headers } : null;
}

/**
 * Null where a field is malformed or there twice: what that means depends on its name. Names that every object has
 * (`__proto__`, `constructor`) count as there already.
 */
function readFields(fields: readonly string[]): IncomingHttpHeaders | null {
  const headers: IncomingHttpHeaders = {};
  for (const field of fields) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon).toLowerCase();
    const value = field.slice(colon + 1);
    if (colon === -1 || !FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) return null;
    if (headers[name] !== undefined) return null;
    headers[name] = value.replace(AROUND_VALUE, '');
  }
  return headers;
}

function isHandshake(headers: IncomingHttpHeaders): boolean {
  const { host, upgrade, connection } = headers;
  return (
    host !== undefined &&
    upgrade?.toLowerCase() === 'websocket' &&
    NAMES_UPGRADE.test(connection ?? '') &&
    NOT_OF_HANDSHAKES.every((name) => headers[name] === undefined)
  );
}
