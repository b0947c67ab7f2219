/** Heads of requests, usual and strange: what is read quickly is what Node's own HTTP parser reads. */
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bind, stopListening } from '../../server/listener.ts';
import { readUpgradeHead, type UpgradeHead } from '../../server/upgrade-head.ts';
import { isWebSocketRequest } from '../../server/upgrade.ts';

const HEADERS_MAX = 16;
const USUAL = [
  'GET /?token=a.b.c HTTP/1.1',
  'Host: auction.example:8080',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Origin: https://auction.example',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

function headOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function read(bytes: Buffer): UpgradeHead | null {
  return readUpgradeHead(bytes, HEADERS_MAX);
}

test('what every browser sends is read', () => {
  expect(read(headOf(USUAL))).toEqual({
    url: '/?token=a.b.c',
    headers: {
      host: 'auction.example:8080',
      connection: 'keep-alive, Upgrade',
      upgrade: 'websocket',
      origin: 'https://auction.example',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  });
});

const [REQUEST = '', ...FIELDS] = USUAL;
const LEFT_TO_HTTP: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['half a head', headOf(USUAL).subarray(0, -1)],
  ['a head with a byte after it', Buffer.concat([headOf(USUAL), Buffer.from('x')])],
  ['two heads', Buffer.concat([headOf(USUAL), headOf(USUAL)])],
  ['an ordinary request', headOf(['GET /healthz HTTP/1.1', 'Host: a'])],
  ['another method', headOf(['POST / HTTP/1.1', ...FIELDS])],
  ['an older version', headOf(['GET / HTTP/1.0', ...FIELDS])],
  ['an absolute target', headOf(['GET http://a/ HTTP/1.1', ...FIELDS])],
  ['a target with a space', headOf(['GET /a b HTTP/1.1', ...FIELDS])],
  ['no host', headOf([REQUEST, ...FIELDS.slice(1)])],
  ['a host twice', headOf([...USUAL, 'Host: b'])],
  ['a header twice, in another case', headOf([...USUAL, 'ORIGIN: https://b'])],
  ['another protocol', headOf([...USUAL.filter((it) => !/^Upgrade/.test(it)), 'Upgrade: h2c'])],
  ['no word of upgrading', headOf(USUAL.filter((it) => !it.startsWith('Connection')))],
  ['a body', headOf([...USUAL, 'Content-Length: 5'])],
  ['a chunked body', headOf([...USUAL, 'Transfer-Encoding: chunked'])],
  ['an expectation', headOf([...USUAL, 'Expect: 100-continue'])],
  ['a folded header', headOf([...USUAL, 'X-A: 1', ' and more'])],
  ['a lone line feed', headOf([...USUAL, 'X-A: 1\nX-B: 2'])],
  ['a lone carriage return', headOf([...USUAL, 'X-A: 1\rX-B: 2'])],
  ['a space before the colon', headOf([...USUAL, 'X-A : 1'])],
  ['a header without a name', headOf([...USUAL, ': 1'])],
  ['a line that is no header', headOf([...USUAL, 'X-A'])],
  ['letters beyond ASCII', headOf([...USUAL, 'X-A: é'])],
  ['a zero byte', headOf([...USUAL, 'X-A: \0'])],
  ['a name that every object has', headOf([...USUAL, 'Constructor: 1'])],
  ['a header that HTTP gives as a list', headOf([...USUAL, 'Set-Cookie: a'])],
  ['too many headers', headOf([...USUAL, ...Array.from({ length: 11 }, (_, at) => `X-${at}: 1`)])],
  ['a head that is too long', headOf([...USUAL, `X-A: ${'a'.repeat(12_288)}`])],
];

test.each(LEFT_TO_HTTP)('%s is left to HTTP', (_, bytes) => {
  expect(read(bytes)).toBeNull();
});

/** Node's own HTTP, with what it reads of each request. */
const parser = createServer({ shouldUpgradeCallback: isWebSocketRequest });
parser.maxHeadersCount = HEADERS_MAX;
let port: number;
beforeAll(async () => {
  ({ port } = await bind(parser, { host: '127.0.0.1', port: 0 }));
});
afterAll(() => stopListening(parser));

/** What HTTP makes of it: a handshake, or (null) anything else. */
async function readByHttp(bytes: Buffer): Promise<UpgradeHead | null> {
  const socket = connect(port, '127.0.0.1');
  const told = await new Promise<UpgradeHead | null>((resolve) => {
    const refused = (): void => {
      resolve(null);
    };
    parser.removeAllListeners('upgrade');
    parser.once('upgrade', ({ url = '', headers }: IncomingMessage, wire: Duplex) => {
      resolve({ url, headers });
      wire.destroy();
    });
    socket.once('error', refused).once('data', refused).once('close', refused);
    socket.write(bytes);
  });
  socket.destroy();
  return told;
}

const names = fc.oneof(
  fc.constantFrom('Cookie', 'Set-Cookie', 'X-Forwarded-For', 'Accept', 'TE', 'Keep-Alive', 'Age'),
  fc.constantFrom('__proto__', 'constructor', 'Sec-WebSocket-Protocol', 'Authorization', 'ETag'),
  fc.string({ minLength: 1, maxLength: 8 }),
);
const values = fc.oneof(
  fc.constantFrom('', ' ', '\t a\t b \t', 'Upgrade', 'close', 'a,b', '"q;"', 'websocket', '5'),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
);
const fields = fc.tuple(names, values).map(([name, value]) => `${name}:${value}`);
const targets = fc.string({ unit: 'grapheme-ascii', maxLength: 30 }).map((it) => `/${it}`);
/** Usual heads, each with something done to it. */
const heads = fc
  .record({
    target: fc.oneof(fc.constant('/?token=a.b.c'), targets),
    connection: fc.constantFrom('Upgrade', 'upgrade', 'close, Upgrade', 'keep-alive ,upgrade', 'x'),
    upgrade: fc.constantFrom('websocket', 'WebSocket', ' websocket\t', 'websocket, h2c'),
    more: fc.array(fields, { maxLength: 4 }),
    ends: fc.constantFrom('\r\n', '\r\n', '\r\n', '\n'),
  })
  .map(({ target, connection, upgrade, more, ends }) => {
    const [host = '', , , ...others] = FIELDS;
    const asked = [`Connection: ${connection}`, `Upgrade: ${upgrade}`];
    const lines = [`GET ${target} HTTP/1.1`, host, ...asked, ...others, ...more];
    return Buffer.from(`${lines.join(ends)}${ends}${ends}`, 'latin1');
  });

test('[law] a head that is read is read as HTTP reads it', { timeout: 60_000 }, async () => {
  let readQuickly = 0;
  await fc.assert(
    fc.asyncProperty(heads, async (bytes) => {
      const quick = read(bytes);
      if (quick === null) return;
      readQuickly += 1;
      const { url, headers } = (await readByHttp(bytes)) ?? {};
      expect({ url: quick.url, headers: { ...quick.headers } }).toEqual({ url, headers });
    }),
    { numRuns: 3000 },
  );
  expect(readQuickly).toBeGreaterThan(300);
});
