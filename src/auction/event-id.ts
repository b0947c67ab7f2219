/**
 * Event ids: a pure, injective function of the binlog, so that every node beside the same source and every replay
 * gives the same ids. Opaque to clients, URL-safe (`A-Z a-z 0-9 - _ . ~`).
 *
 * Shape: `<stem>.<index>.<ordinal>.<timestamp>`, the last three in base 36 and free of dots, so the stem may hold dots
 * and the whole still reads one way only. The stem's first letter says what kind of transaction id it was made of:
 * `g` MySQL GTID (uuid in 22 base64url characters), `t` MySQL GTID with a tag, `m` MariaDB GTID, `f` file and
 * position, `x` anything else. An ephemeral id starts with `~` and can never equal one of these.
 */
import type { EventId, ItemId } from './ids.ts';

const MYSQL_GTID =
  /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):(?:([a-z_][a-z0-9_]{0,31}):)?([1-9]\d*)$/;
const MARIADB_GTID = /^(?:0|[1-9]\d*)-(?:0|[1-9]\d*)-(?:0|[1-9]\d*)$/;
const FILE_POSITION = /^(.+):(0|[1-9]\d*)$/s;
const HYPHEN = 45;
const DIGIT_ZERO = 48;
const LETTER_A = 97;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The part of an event id that all events of one transaction share: made once a transaction (or slice of one). */
export type EventIdStem = string;

export interface EventIdParts {
  /** GTID or `file:position` of the transaction, as `Transaction.id`. */
  readonly transactionId: string;
  /** 0-based place of the row change among those of mapped tables. */
  readonly index: number;
  /** 0-based place of the event among those of its row. */
  readonly ordinal: number;
  /** Epoch ms of the row event's own header. */
  readonly timestampMs: number;
}

/** The id of one event. */
export function eventIdOf(parts: EventIdParts): EventId {
  return eventIdAt(eventIdStem(parts.transactionId), parts);
}

/** As `eventIdOf`, with the stem made beforehand. */
export function eventIdAt(stem: EventIdStem, parts: Omit<EventIdParts, 'transactionId'>): EventId {
  const { index, ordinal, timestampMs } = parts;
  return `${stem}.${base36(index)}.${base36(ordinal)}.${timeText(timestampMs)}` as EventId;
}

/** The id of a countdown step. Ephemeral: it starts with `~`, and as `since` it is unknown. */
export function endingEventId(itemId: ItemId, endTimeMs: number, seconds: number): EventId {
  return `~${escaped(itemId)}.${timeText(endTimeMs)}.${base36(seconds)}` as EventId;
}

/** The stem for one transaction id. Distinct ids give distinct stems. */
export function eventIdStem(transactionId: string): EventIdStem {
  const mysql = MYSQL_GTID.exec(transactionId);
  const uuid = mysql?.[1];
  const gno = mysql?.[3];
  if (uuid !== undefined && gno !== undefined) {
    const tag = mysql?.[2];
    const number = BigInt(gno).toString(36);
    return tag === undefined ? `g${uuidText(uuid)}${number}` : `t${uuidText(uuid)}${tag}.${number}`;
  }
  if (MARIADB_GTID.test(transactionId)) {
    return `m${transactionId}`;
  }
  const position = FILE_POSITION.exec(transactionId);
  const file = position?.[1];
  const offset = position?.[2];
  if (file !== undefined && offset !== undefined) {
    return `f${escaped(file)}.${BigInt(offset).toString(36)}`;
  }
  return `x${escaped(transactionId)}`;
}

function base36(number: number): string {
  return number.toString(36);
}

/** Header timestamps are whole seconds and written as such; `_` marks the ones that are not. */
function timeText(ms: number): string {
  return ms % 1000 === 0 ? base36(ms / 1000) : `_${base36(ms)}`;
}

/**
 * The 32 hexadecimal digits of a uuid as 22 base64url characters, twelve bits at a time; what the last digits lack is zero. No
 * `Buffer`, because this file also runs in browsers.
 */
function uuidText(uuid: string): string {
  let text = '';
  let bits = 0;
  let digits = 0;
  for (let at = 0; at < uuid.length; at += 1) {
    const code = uuid.charCodeAt(at);
    if (code === HYPHEN) {
      continue;
    }
    bits = (bits << 4) | (code < LETTER_A ? code - DIGIT_ZERO : code - LETTER_A + 10);
    digits += 1;
    if (digits === 3) {
      text += BASE64URL.charAt(bits >> 6) + BASE64URL.charAt(bits & 63);
      bits = 0;
      digits = 0;
    }
  }
  return text + BASE64URL.charAt(bits >> 2) + BASE64URL.charAt((bits & 3) << 4);
}

/** Every character outside `A-Z a-z 0-9 - _ .` as `~` code `~`. */
function escaped(text: string): string {
  return text.replace(/[^\w.-]/g, (character) => `~${base36(character.charCodeAt(0))}~`);
}
