/**
 * One message of the wire as one aligned line for a terminal. Used on what we publish and on what a server sent.
 */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];
type Message = Readonly<Record<string, unknown>>;

const TYPE_WIDTH = 19;
const ITEM_WIDTH = 10;
const AMOUNT_WIDTH = 12;

const STYLES: Readonly<Record<string, Style>> = {
  bid_update: 'green',
  outbid: 'yellow',
  auction_ending: 'cyan',
  auction_extended: 'blue',
  auction_rescheduled: 'blue',
  auction_started: 'blue',
  auction_ended: 'magenta',
  bid_retracted: 'yellow',
  degraded: 'red',
  error: 'red',
};

/**
 * `12:31:12.292  bid_update         item 42          12.50  Bob (3) · 14 bids · reserve met`
 *
 * @param json one message as text; amounts keep its digits
 * @param options.atMs epoch ms of the first column, shown in local time
 */
export function messageLine(
  json: string,
  options: { readonly atMs: number; readonly colour: boolean },
): string {
  const message = parseMessage(json);
  const type = textOf(message['type']) || 'message';
  const itemId = textOf(message['itemId']);
  const item = itemId === '' ? '' : `item ${itemId}`;
  const { amount, text } = describe(type, message, json);
  const paint = (style: Style, value: string): string =>
    options.colour ? styleText(style, value, { validateStream: false }) : value;
  const columns = [
    paint('dim', clockText(options.atMs)),
    paint(STYLES[type] ?? 'dim', type.padEnd(TYPE_WIDTH)),
    item.padEnd(ITEM_WIDTH),
    paint('bold', amount.padStart(AMOUNT_WIDTH)),
    ` ${text}`,
  ];
  return columns.join(' ').trimEnd();
}

/** The fields of a message; none for what is no JSON object. */
export function parseMessage(json: string): Message {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

interface Description {
  readonly amount: string;
  readonly text: string;
}

function describe(type: string, message: Message, json: string): Description {
  const field = (name: string): string => textOf(message[name]);
  switch (type) {
    case 'bid_update':
      return { amount: digits(json, 'bidAmount'), text: bidText(message) };
    case 'outbid':
      return {
        amount: digits(json, 'newBidAmount'),
        text: `over ${digits(json, 'yourBidAmount') || 'an unknown bid'}`,
      };
    case 'auction_ending':
      return { amount: '', text: `ends in ${field('secondsRemaining')} s (${field('endTime')})` };
    case 'auction_extended':
      return { amount: '', text: `now ends ${field('newEndTime')}` };
    case 'auction_rescheduled':
      return { amount: '', text: `now ends earlier, ${field('newEndTime')}` };
    case 'auction_started':
      return { amount: digits(json, 'currentPrice'), text: `ends ${field('endTime')}` };
    case 'bid_retracted':
      return { amount: digits(json, 'currentPrice'), text: `bid ${field('bidId')} deleted` };
    case 'auction_ended':
      return { amount: digits(json, 'finalPrice'), text: endText(message) };
    case 'subscribed':
      return { amount: digits(json, 'currentPrice'), text: stateText(message) };
    case 'error':
      return { amount: '', text: `${field('code')}: ${field('message')}` };
    default:
      return { amount: '', text: otherFields(message) };
  }
}

function bidText(message: Message): string {
  const name = textOf(message['bidderName']);
  const bidder = textOf(message['bidderId']);
  const reserve = message['reserveMet'];
  return joined([
    name === '' ? `user ${bidder}` : `${name} (${bidder})`,
    bidCountText(message['bidCount']),
    typeof reserve === 'boolean' ? `reserve ${reserve ? 'met' : 'not met'}` : '',
  ]);
}

function bidCountText(count: unknown): string {
  return count === undefined ? '' : `${textOf(count)} ${count === 1 ? 'bid' : 'bids'}`;
}

function endText(message: Message): string {
  const winner = textOf(message['winnerId']);
  const name = textOf(message['winnerName']);
  return joined([
    textOf(message['outcome']) || 'ended',
    winner === ''
      ? 'no winner'
      : `won by ${name === '' ? `user ${winner}` : `${name} (${winner})`}`,
  ]);
}

function stateText(message: Message): string {
  const state = message['state'];
  if (typeof state !== 'object' || state === null) return otherFields(message);
  const fields: Message = { ...state };
  const end = textOf(fields['endTime']);
  const recovered = message['recovered'];
  return joined([
    textOf(fields['status']),
    bidCountText(fields['bidCount']),
    end === '' ? '' : `ends ${end}`,
    typeof recovered === 'boolean' ? (recovered ? 'recovered' : 'not recovered') : '',
  ]);
}

function otherFields(message: Message): string {
  const fields = Object.entries(message).filter(([name]) => name !== 'type' && name !== 'itemId');
  return fields.map(([name, value]) => `${printable(name)}=${textOf(value)}`).join(' ');
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}

/** A number exactly as the text has it. A quote inside a string is escaped, so the pattern meets field names only. */
function digits(json: string, name: string): string {
  return new RegExp(`"${name}":(-?\\d+(?:\\.\\d+)?)`).exec(json)?.[1] ?? '';
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Names come from strangers: what could command a terminal does not reach it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '·');
}

function clockText(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number): string => value.toString().padStart(2, '0');
  const ms = at.getMilliseconds().toString().padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}
