/**
 * What passed over one client's links of late, as it was on the wire, beside what the client was told of it: to read
 * afterwards why it is wrong about an item.
 */
import { browserEnvironment, type Environment } from '../../client/environment.ts';

/** Lines kept of the links, and of each item. */
const LINES_MAX = 150;
/** Shows the type, the id, the item and the numbers of every message. */
const LINE_LENGTH_MAX = 250;

interface Line {
  /** Place among all lines of the client. */
  readonly at: number;
  readonly text: string;
}

export class LinkLog {
  /** By item; null: what is of no single item. */
  readonly #lines = new Map<number | null, Line[]>();
  #count = 0;

  /** The SDK's environment, listened to. Streams of server-sent events show by what is told alone. */
  environment(): Environment {
    const environment = browserEnvironment();
    return {
      ...environment,
      openSocket: (url, protocols, listeners) => {
        this.note(`opening, since ${new URL(url).searchParams.get('since') ?? 'nothing'}`);
        const socket = environment.openSocket(url, protocols, {
          message: (text) => {
            this.note(`server: ${text}`, itemOf(text));
            listeners.message(text);
          },
          closed: (code) => {
            this.note(`closed ${code}`);
            listeners.closed(code);
          },
        });
        return {
          send: (text) => {
            this.note(`client: ${text}`);
            socket.send(text);
          },
          close: () => {
            this.note('client closes');
            socket.close();
          },
        };
      },
    };
  }

  note(text: string, itemId: number | null = null): void {
    const lines = this.#lines.get(itemId) ?? [];
    this.#lines.set(itemId, lines);
    const time = new Date().toISOString().slice(11, -1);
    this.#count += 1;
    lines.push({ at: this.#count, text: `${time} ${text}`.slice(0, LINE_LENGTH_MAX) });
    if (lines.length > LINES_MAX) lines.shift();
  }

  /** The last lines of the links and of an item, oldest first. */
  about(itemId: number): readonly string[] {
    const lines = [null, itemId].flatMap((key) => this.#lines.get(key) ?? []);
    return lines
      .toSorted((a, b) => a.at - b.at)
      .slice(-LINES_MAX)
      .map(({ text }) => text);
  }
}

/** The item that a message is about; null: none. */
function itemOf(text: string): number | null {
  const itemId = /"itemId":"?(\d+)/.exec(text)?.[1];
  return itemId === undefined ? null : Number(itemId);
}
