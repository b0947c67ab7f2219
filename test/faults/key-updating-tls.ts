/**
 * The server's side of TLS 1.3 (RFC 8446) over an accepted socket: as little of it as one client of ours needs, but it
 * updates its keys every so many bytes. OpenSSL, and so Node, does that only when told to, and cannot be told from here.
 *
 * One cipher (AES-128-GCM), one group (X25519), no resumption, no client certificate. For tests: it checks what it is
 * sent no further than it needs to go on.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';

export interface TlsIdentity {
  /** The certificate as DER. */
  readonly certificate: Buffer;
  /** Its P-256 key. */
  readonly key: KeyObject;
}

export interface TlsOptions extends TlsIdentity {
  /** Keys are updated after this many bytes sent. */
  readonly updateEveryBytes: number;
  /** What the client sent. */
  readonly onData: (data: Buffer) => void;
  readonly onUpdate: () => void;
}

const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;
const MESSAGE = {
  serverHello: 2,
  encryptedExtensions: 8,
  certificate: 11,
  certificateVerify: 15,
  finished: 20,
  keyUpdate: 24,
} as const;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const TAG_BYTES = 16;
const PLAIN_MAX = 16_384;
const KEY_SHARE = 51;
const X25519 = 0x001d;
/** What stands before the 32 bytes of an X25519 key in its DER form. */
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const AES_128_GCM_SHA256 = Buffer.from([0x13, 0x01]);
const TLS_1_2 = Buffer.from([0x03, 0x03]);
const TLS_1_3 = Buffer.from([0x03, 0x04]);
const ECDSA_P256_SHA256 = Buffer.from([0x04, 0x03]);
const ZERO = Buffer.alloc(32);
const EMPTY = Buffer.alloc(0);

export class KeyUpdatingTls {
  readonly #socket: Socket;
  readonly #options: TlsOptions;
  readonly #transcript: Buffer[] = [];
  #bytes: Buffer = EMPTY;
  #messages: Buffer = EMPTY;
  #reading: Direction | null = null;
  #writing: Direction | null = null;
  #master: Buffer = EMPTY;
  #clientSecret: Buffer = EMPTY;
  #isOpen = false;
  #waiting: Buffer[] = [];
  #sentBytes = 0;

  constructor(socket: Socket, options: TlsOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Takes what came over the socket. */
  receive(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    for (;;) {
      if (this.#bytes.length < RECORD_HEADER) return;
      const end = RECORD_HEADER + this.#bytes.readUInt16BE(3);
      if (this.#bytes.length < end) return;
      const record = this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
      this.#takeRecord(record);
    }
  }

  /** @returns false when the socket's buffer is full */
  write(data: Buffer): boolean {
    if (!this.#isOpen) {
      this.#waiting.push(data);
      return true;
    }
    let hasRoom = true;
    for (let at = 0; at < data.length; at += PLAIN_MAX) {
      const piece = data.subarray(at, at + PLAIN_MAX);
      hasRoom = this.#send(RECORD.data, piece);
      this.#sentBytes += piece.length;
      if (this.#sentBytes < this.#options.updateEveryBytes) continue;
      this.#sentBytes = 0;
      // Asks the client to update its own keys, too.
      this.#send(RECORD.handshake, message(MESSAGE.keyUpdate, Buffer.from([1])));
      this.#writing = this.#writing?.next() ?? null;
      this.#options.onUpdate();
    }
    return hasRoom;
  }

  #takeRecord(record: Buffer): void {
    const type = record[0];
    const body = record.subarray(RECORD_HEADER);
    if (type === RECORD.handshake) this.#takeMessages(body);
    if (type !== RECORD.data || this.#reading === null) return;
    const plain = this.#reading.open(record.subarray(0, RECORD_HEADER), body);
    let end = plain.length - 1;
    while (plain[end] === 0) end -= 1;
    const content = plain.subarray(0, end);
    if (plain[end] === RECORD.handshake) this.#takeMessages(content);
    else if (plain[end] === RECORD.data) this.#options.onData(content);
    else this.#socket.end();
  }

  #takeMessages(bytes: Buffer): void {
    this.#messages = Buffer.concat([this.#messages, bytes]);
    for (;;) {
      if (this.#messages.length < MESSAGE_HEADER) return;
      const end = MESSAGE_HEADER + this.#messages.readUIntBE(1, 3);
      if (this.#messages.length < end) return;
      const one = this.#messages.subarray(0, end);
      this.#messages = this.#messages.subarray(end);
      if (this.#isOpen) {
        if (one[0] === MESSAGE.keyUpdate) this.#reading = this.#reading?.next() ?? null;
      } else if (this.#reading === null) {
        this.#answerHello(one);
      } else {
        this.#open();
      }
    }
  }

  #answerHello(hello: Buffer): void {
    const { sessionId, share } = readHello(hello);
    const own = generateKeyPairSync('x25519');
    const peer = Buffer.concat([X25519_SPKI, share]);
    const shared = diffieHellman({
      privateKey: own.privateKey,
      publicKey: createPublicKey({ key: peer, format: 'der', type: 'spki' }),
    });
    const publicKey = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    this.#transcript.push(hello);
    const serverHello = this.#note(helloOf(sessionId, publicKey));
    this.#socket.write(recordOf(RECORD.handshake, serverHello));
    const handshake = extract(derive(extract(ZERO, ZERO), 'derived', sha256(EMPTY)), shared);
    const hash = this.#hash();
    const serverSecret = derive(handshake, 's hs traffic', hash);
    this.#clientSecret = derive(handshake, 'c hs traffic', hash);
    this.#master = extract(derive(handshake, 'derived', sha256(EMPTY)), ZERO);
    this.#reading = new Direction(this.#clientSecret);
    this.#writing = new Direction(serverSecret);
    this.#sendFlight(serverSecret);
  }

  #sendFlight(serverSecret: Buffer): void {
    const { certificate, key } = this.#options;
    const entry = Buffer.concat([sized(3, certificate), sized(2, EMPTY)]);
    const chain = Buffer.concat([sized(1, EMPTY), sized(3, entry)]);
    const flight = [
      this.#note(message(MESSAGE.encryptedExtensions, sized(2, EMPTY))),
      this.#note(message(MESSAGE.certificate, chain)),
    ];
    const context = `${' '.repeat(64)}TLS 1.3, server CertificateVerify\0`;
    const signature = sign('sha256', Buffer.concat([Buffer.from(context), this.#hash()]), key);
    const verify = Buffer.concat([ECDSA_P256_SHA256, sized(2, signature)]);
    flight.push(this.#note(message(MESSAGE.certificateVerify, verify)));
    const proof = hmac(expand(serverSecret, 'finished', EMPTY, 32), this.#hash());
    flight.push(this.#note(message(MESSAGE.finished, proof)));
    this.#send(RECORD.handshake, Buffer.concat(flight));
  }

  /** The client has finished: from here on it is data. */
  #open(): void {
    const hash = this.#hash();
    this.#reading = new Direction(derive(this.#master, 'c ap traffic', hash));
    this.#writing = new Direction(derive(this.#master, 's ap traffic', hash));
    this.#isOpen = true;
    for (const data of this.#waiting.splice(0)) this.write(data);
  }

  #send(type: number, content: Buffer): boolean {
    if (this.#writing === null) throw new Error('no keys yet');
    return this.#socket.write(this.#writing.seal(type, content));
  }

  #note(bytes: Buffer): Buffer {
    this.#transcript.push(bytes);
    return bytes;
  }

  #hash(): Buffer {
    return sha256(Buffer.concat(this.#transcript));
  }
}

/** One direction's keys and the number of its next record. */
class Direction {
  readonly #secret: Buffer;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0n;

  constructor(secret: Buffer) {
    this.#secret = secret;
    this.#key = expand(secret, 'key', EMPTY, 16);
    this.#iv = expand(secret, 'iv', EMPTY, 12);
  }

  next(): Direction {
    return new Direction(expand(this.#secret, 'traffic upd', EMPTY, 32));
  }

  seal(type: number, content: Buffer): Buffer {
    const header = recordOf(RECORD.data, Buffer.alloc(content.length + 1 + TAG_BYTES));
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce());
    cipher.setAAD(header.subarray(0, RECORD_HEADER));
    const sealed = [cipher.update(content), cipher.update(Buffer.from([type])), cipher.final()];
    return Buffer.concat([header.subarray(0, RECORD_HEADER), ...sealed, cipher.getAuthTag()]);
  }

  open(header: Buffer, body: Buffer): Buffer {
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce());
    decipher.setAAD(header);
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]);
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ this.#sequence, 4);
    this.#sequence += 1n;
    return nonce;
  }
}

function readHello(hello: Buffer): { readonly sessionId: Buffer; readonly share: Buffer } {
  let at = MESSAGE_HEADER + 2 + 32;
  const skip = (bytes: number): Buffer => {
    const from = at + bytes;
    at = from + hello.readUIntBE(at, bytes);
    return hello.subarray(from, at);
  };
  const sessionId = skip(1);
  skip(2);
  skip(1);
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const type = hello.readUInt16BE(at);
    at += 2;
    const extension = skip(2);
    if (type !== KEY_SHARE) continue;
    for (let entry = 2; entry < extension.length;) {
      const share = extension.subarray(entry + 4, entry + 4 + extension.readUInt16BE(entry + 2));
      if (extension.readUInt16BE(entry) === X25519) return { sessionId, share };
      entry += 4 + share.length;
    }
  }
  throw new Error('the client offers no X25519 key');
}

function helloOf(sessionId: Buffer, publicKey: Buffer): Buffer {
  const share = Buffer.concat([number(2, X25519), sized(2, publicKey)]);
  const extensions = [
    Buffer.concat([number(2, 43), sized(2, TLS_1_3)]),
    Buffer.concat([number(2, KEY_SHARE), sized(2, share)]),
  ];
  const head = [TLS_1_2, randomBytes(32), sized(1, sessionId), AES_128_GCM_SHA256, number(1, 0)];
  const body = Buffer.concat([...head, sized(2, Buffer.concat(extensions))]);
  return message(MESSAGE.serverHello, body);
}

function recordOf(type: number, body: Buffer): Buffer {
  return Buffer.concat([number(1, type), TLS_1_2, sized(2, body)]);
}

function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([number(1, type), sized(3, body)]);
}

/** Bytes behind their own length. */
function sized(bytes: 1 | 2 | 3, body: Buffer): Buffer {
  return Buffer.concat([number(bytes, body.length), body]);
}

function number(bytes: 1 | 2 | 3, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function hmac(key: Buffer, bytes: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

function extract(salt: Buffer, secret: Buffer): Buffer {
  return hmac(salt, secret);
}

function derive(secret: Buffer, label: string, hash: Buffer): Buffer {
  return expand(secret, label, hash, 32);
}

/** HKDF-Expand-Label, for lengths of up to one hash. */
function expand(secret: Buffer, label: string, context: Buffer, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([number(2, length), sized(1, name), sized(1, context)]);
  return hmac(secret, Buffer.concat([info, number(1, 1)])).subarray(0, length);
}
