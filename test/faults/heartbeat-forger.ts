/**
 * A way to the database on which every heartbeat of a binlog stream names an older position than the server wrote: as
 * MySQL's do by themselves while it passes over transactions that the reader has.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';

const PACKET_HEADER = 4;
/** In a packet's payload: the event behind its marker, and in the event its type and where the next one begins. */
const EVENT_AT = 1;
const TYPE_AT = EVENT_AT + 4;
const NEXT_AT = EVENT_AT + 13;
const HEARTBEAT = 27;
const CHECKSUM_BYTES = 4;
const SMALLEST = EVENT_AT + 19 + CHECKSUM_BYTES;
/** How far back the forged position lies, bytes. */
const BACK = 100;

export class HeartbeatForger {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #forged = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    server.on('connection', (client) => {
      const upstream = connect(target, '127.0.0.1');
      client.pipe(upstream);
      let rest = Buffer.alloc(0);
      upstream.on('data', (data: Buffer) => {
        rest = this.#forward(Buffer.concat([rest, data]), client);
      });
      for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
        this.#sockets.add(from);
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  /** @param target port on 127.0.0.1 */
  static async listen(target: number): Promise<HeartbeatForger> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HeartbeatForger(server, target);
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Heartbeats that were changed. */
  get forged(): number {
    return this.#forged;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Sends on whole packets. @returns what is left of the last one */
  #forward(bytes: Buffer, client: Socket): Buffer<ArrayBuffer> {
    let at = 0;
    while (bytes.length - at >= PACKET_HEADER) {
      const end = at + PACKET_HEADER + bytes.readUIntLE(at, 3);
      if (end > bytes.length) break;
      this.#forge(bytes.subarray(at + PACKET_HEADER, end));
      at = end;
    }
    client.write(bytes.subarray(0, at));
    return Buffer.from(bytes.subarray(at));
  }

  #forge(payload: Buffer): void {
    if (payload.length < SMALLEST || payload[0] !== 0 || payload[TYPE_AT] !== HEARTBEAT) return;
    const event = payload.subarray(EVENT_AT, -CHECKSUM_BYTES);
    const sumAt = payload.length - CHECKSUM_BYTES;
    // An answer to a query may begin as an event does; its last bytes are no checksum of the others.
    if (payload.readUInt32LE(sumAt) !== crc32(event)) return;
    const next = payload.readUInt32LE(NEXT_AT);
    payload.writeUInt32LE(next > BACK ? next - BACK : next, NEXT_AT);
    payload.writeUInt32LE(crc32(event), sumAt);
    this.#forged += 1;
  }
}
