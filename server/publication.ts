/**
 * From domain events to what the sockets side is handed of them: the JSON text, written once, and who it is for.
 */
import type {
  DomainEvent,
  UserStandingChanged,
  WatchlistChanged,
} from '../src/auction/domain-event.ts';
import type { Clock, EventBatch } from '../src/ports.ts';
import { encodeEvent, type WireEvent } from '../src/protocol/event-message.ts';
import type { EncodingContext } from '../src/protocol/server-message.ts';

/** A change of a user that clients are not told in words; the sockets side acts on it. */
export type UserChange = UserStandingChanged | WatchlistChanged;

/** An event as it goes out, or what a change of a user asks for. */
export type PublishedEvent = WireEvent | UserChange;

/** Events of one batch in commit order, as plain data. */
export interface Publication {
  readonly events: readonly PublishedEvent[];
  /** Epoch ms of the commit; null for events of the clock. */
  readonly committedAtMs: number | null;
  /** Database clock when they were encoded, epoch ms. */
  readonly nowMs: number;
  /** True while the history is filled after a start: kept for recovery, delivered to nobody. */
  readonly replay: boolean;
}

type EncoderOptions = Pick<EncodingContext, 'bidderNames' | 'legacyTimesZone'>;

/** Writes events as the options say (gateway-options.ts). */
export class Encoder {
  readonly #options: EncoderOptions;
  readonly #serverTimeMs: Clock;

  /** @param serverTimeMs database clock now, epoch ms */
  constructor(options: EncoderOptions, serverTimeMs: Clock) {
    this.#options = options;
    this.#serverTimeMs = serverTimeMs;
  }

  encode({ events, nameOf, committedAtMs, replay = false }: EventBatch): Publication {
    const nowMs = this.#serverTimeMs();
    const { bidderNames, legacyTimesZone } = this.#options;
    const context = { nameOf, bidderNames, legacyTimesZone, serverTimeMs: nowMs };
    return {
      events: events.map((event) => published(event, context)),
      committedAtMs,
      nowMs,
      replay,
    };
  }
}

function published(event: DomainEvent, context: EncodingContext): PublishedEvent {
  if (event.type === 'UserStandingChanged' || event.type === 'WatchlistChanged') return event;
  return encodeEvent(event, context);
}
