/**
 * A way to the database that speaks TLS on either side, and updates its keys towards us again and again.
 */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { KeyUpdatingTls, type TlsIdentity } from './key-updating-tls.ts';

/** The client's wish for TLS: a packet of 32 bytes, the first that it sends. */
const SSL_REQUEST_BYTES = 36;

export class TlsRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #identity = makeIdentity();
  readonly #updateEveryBytes: number;
  #updates = 0;
  #sentBytes = 0;

  private constructor(server: Server, target: number, updateEveryBytes: number) {
    this.#server = server;
    this.#updateEveryBytes = updateEveryBytes;
    server.on('connection', (client) => {
      this.#relay(client, connect(target, '127.0.0.1'));
    });
  }

  /** @param target port on 127.0.0.1 of a server that offers TLS */
  static async listen(target: number, updateEveryBytes: number): Promise<TlsRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TlsRelay(server, target, updateEveryBytes);
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Key updates so far, and bytes sent to clients over TLS. */
  get counts(): { readonly updates: number; readonly sentBytes: number } {
    return { updates: this.#updates, sentBytes: this.#sentBytes };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #relay(client: Socket, upstream: Socket): void {
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    const greet = (data: Buffer): void => {
      client.write(data);
    };
    upstream.on('data', greet);
    client.once('data', (request: Buffer) => {
      upstream.write(request.subarray(0, SSL_REQUEST_BYTES));
      upstream.off('data', greet);
      this.#encrypt(client, upstream, request.subarray(SSL_REQUEST_BYTES));
    });
  }

  #encrypt(client: Socket, upstream: Socket, early: Buffer): void {
    const secured = connectTls({ socket: upstream, rejectUnauthorized: false });
    secured.on('error', () => undefined);
    const tls = new KeyUpdatingTls(client, {
      ...this.#identity,
      updateEveryBytes: this.#updateEveryBytes,
      onData: (data) => secured.write(data),
      onUpdate: () => {
        this.#updates += 1;
      },
    });
    client.on('data', (data: Buffer) => {
      tls.receive(data);
    });
    client.on('drain', () => secured.resume());
    secured.on('data', (data: Buffer) => {
      this.#sentBytes += data.length;
      if (!tls.write(data)) secured.pause();
    });
    if (early.length > 0) tls.receive(early);
  }
}

/** A certificate of its own, by the `openssl` program. */
function makeIdentity(): TlsIdentity {
  const directory = mkdtempSync(join(tmpdir(), 'gavelcast-relay-'));
  try {
    const [keyFile, certificateFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', keyFile, '-out', certificateFile];
    const subject = ['-subj', '/CN=relay', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...subject], { stdio: 'ignore' });
    return {
      certificate: new X509Certificate(readFileSync(certificateFile)).raw,
      key: createPrivateKey(readFileSync(keyFile)),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
