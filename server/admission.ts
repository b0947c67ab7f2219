/**
 * Who may hold a connection: the token first, then whether the user is in good standing, and for how long.
 */
import type { UserStandingChanged } from '../src/auction/domain-event.ts';
import type { UserId } from '../src/auction/ids.ts';
import {
  encodeAuthenticated,
  encodeError,
  encodeHello,
  encodeTokenExpiring,
} from '../src/protocol/server-message.ts';
import type { AuctionReads, Clock, Log, UserStanding } from '../src/ports.ts';
import { BarredUsers } from './barred-users.ts';
import type { Connection, Identity } from './connection.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Hub } from './hub.ts';
import type { Sweeper } from './sweeper.ts';
import type { TokenRefusal, TokenVerdict, TokenVerifier } from './token-verifier.ts';
import type { UserLimit } from './user-limit.ts';

/** How long a live connection outlasts its token, so that a client can renew it in place. */
const EXPIRY_GRACE_MS = 5000;
/** Timers come late, never early: the door is shut this much before the grace is over. */
const EXPIRY_MARGIN_MS = 1000;
/** How long before its token expires a v2 client is told. */
const EXPIRY_NOTICE_MS = 60_000;

/** Why a client was not let in, or not let stay. */
export type RefusalReason = TokenRefusal | 'missing' | 'other_user';

export interface AdmissionDeps {
  readonly options: Pick<
    GatewayOptions,
    | 'authenticateWithinMs'
    | 'heartbeatIntervalMs'
    | 'subscriptionsMax'
    | 'messageBytesMax'
    | 'messagesPerSecondMax'
    | 'requireKnownUser'
  >;
  readonly log: Log;
  readonly now: Clock;
  readonly reads: AuctionReads;
  readonly hub: Hub;
  readonly sweeper: Sweeper<Connection>;
  readonly userLimit: UserLimit;
  readonly verify: TokenVerifier;
  /** A token was refused. */
  readonly refused: (connection: Connection, reason: RefusalReason) => void;
  /** A connection went live; told after its `hello`. Its messages wait for the promise. */
  readonly admitted: (connection: Connection) => Promise<void> | undefined;
  /** Database clock now, epoch ms. */
  readonly serverTimeMs: () => number;
}

export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #barred = new BarredUsers();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /**
   * Deals with a fresh connection. A bad token is told in words the client can read, since a browser cannot read a 401.
   *
   * @returns a promise while the user's standing is being read: the client's messages wait for it
   */
  begin(connection: Connection, token: string | null): Promise<void> | undefined {
    if (token !== null) return this.authenticate(connection, token);
    if (!connection.isV2) {
      this.#refuse(connection, 'missing');
      return undefined;
    }
    connection.deadlineAtMs = this.#deps.now() + this.#deps.options.authenticateWithinMs;
    this.#deps.sweeper.deadlineMoved(connection);
    return undefined;
  }

  /** A token, from the upgrade request or in a message; renews the identity of a live connection. */
  authenticate(connection: Connection, token: string): Promise<void> | undefined {
    const verdict = this.#deps.verify(token);
    if (!(verdict instanceof Promise)) return this.#judge(connection, verdict);
    if (connection.stage === 'unauthenticated' && connection.deadlineAtMs === null) {
      connection.deadlineAtMs = this.#deps.now() + this.#deps.options.authenticateWithinMs;
      this.#deps.sweeper.deadlineMoved(connection);
    }
    return this.#judgeLater(connection, verdict);
  }

  async #judgeLater(connection: Connection, verdict: Promise<TokenVerdict>): Promise<void> {
    const judged = await verdict;
    if (!connection.isClosing()) await this.#judge(connection, judged);
  }

  #judge(connection: Connection, verdict: TokenVerdict): Promise<void> | undefined {
    if (!verdict.ok) {
      this.#refuse(connection, verdict.reason);
      return undefined;
    }
    if (connection.identity === null) return this.#admit(connection, verdict);
    if (connection.identity.userId !== verdict.userId) {
      this.#refuse(connection, 'other_user');
      return undefined;
    }
    connection.identify(verdict);
    this.#armExpiry(connection, verdict);
    connection.send(encodeAuthenticated(verdict.expiresAtMs));
    return undefined;
  }

  /** A client without an identity said something else than its token. */
  refuseUnauthenticated(connection: Connection): void {
    this.#refuse(connection, 'missing');
  }

  /** True when the client's token is past its grace; the connection is then being closed. */
  closeIfExpired(connection: Connection): boolean {
    const { identity } = connection;
    if (
      identity === null ||
      this.#deps.now() < identity.expiresAtMs + EXPIRY_GRACE_MS - EXPIRY_MARGIN_MS
    )
      return false;
    connection.close(4001);
    return true;
  }

  /** A connection's deadline has passed: what that means depends on how far it came. */
  due(connection: Connection): void {
    switch (connection.stage) {
      case 'unauthenticated':
        connection.close(4504);
        return;
      case 'checking':
        connection.close(1012);
        return;
      case 'admitted':
        this.#expiryDue(connection);
        return;
      case 'closing':
        return;
    }
  }

  /** Closes a user's connections in the turn his suspension, ban or deletion is published. */
  standingChanged(event: UserStandingChanged): void {
    this.#barred.changed(event);
    if (mayConnect(event, this.#deps.now())) return;
    // A copy: closing takes each out of the set.
    for (const connection of [...this.#deps.hub.connectionsOf(event.userId)]) {
      connection.close(4502);
    }
  }

  #admit(connection: Connection, identity: Identity): Promise<void> | undefined {
    const { hub, reads } = this.#deps;
    connection.identify(identity);
    // Known to the hub from here on, so that a ban committed while we ask closes it too.
    hub.add(connection);
    let standing: ReturnType<AuctionReads['readStanding']>;
    try {
      standing = reads.readStanding(identity.userId);
    } catch (error) {
      this.#standingUnreadable(connection, error);
      return undefined;
    }
    return standing instanceof Promise
      ? this.#admitLater(connection, identity, standing)
      : this.#welcome(connection, identity, standing);
  }

  async #admitLater(
    connection: Connection,
    identity: Identity,
    reading: Promise<UserStanding | null>,
  ): Promise<void> {
    const { now, options, sweeper } = this.#deps;
    connection.enter('checking');
    connection.deadlineAtMs = now() + options.authenticateWithinMs;
    sweeper.deadlineMoved(connection);
    let standing: UserStanding | null;
    try {
      standing = await reading;
    } catch (error) {
      this.#standingUnreadable(connection, error);
      return;
    }
    if (!connection.isClosing()) await this.#welcome(connection, identity, standing);
  }

  /** A ban that cannot be read may not be ignored; the client comes back in a moment. */
  #standingUnreadable(connection: Connection, error: unknown): void {
    this.#deps.log.warn({ err: error }, 'standing unreadable');
    connection.close(1012);
  }

  #welcome(
    connection: Connection,
    identity: Identity,
    standing: UserStanding | null,
  ): Promise<void> | undefined {
    if (!this.#isWelcome(identity.userId, standing)) {
      connection.close(4502);
      return undefined;
    }
    this.#deps.userLimit.admitted(connection);
    connection.enter('admitted');
    this.#armExpiry(connection, identity);
    if (connection.isV2) connection.send(this.#hello(identity));
    return this.#deps.admitted(connection);
  }

  /** Who has no row was deleted (and seen to be), or is not of this portal: the operator says what that means. */
  #isWelcome(userId: UserId, standing: UserStanding | null): boolean {
    if (standing !== null) return mayConnect(standing, this.#deps.now());
    return !this.#deps.options.requireKnownUser && !this.#barred.has(userId);
  }

  #hello({ userId, expiresAtMs }: Identity): string {
    const { options, serverTimeMs } = this.#deps;
    return encodeHello({
      userId,
      serverTimeMs: serverTimeMs(),
      heartbeatSeconds: options.heartbeatIntervalMs / 1000,
      expiresAtMs,
      limits: {
        subscriptions: options.subscriptionsMax,
        messageBytes: options.messageBytesMax,
        messagesPerSecond: options.messagesPerSecondMax,
      },
      lastEventId: this.#deps.hub.history.newestId,
    });
  }

  #armExpiry(connection: Connection, { expiresAtMs }: Identity): void {
    connection.deadlineAtMs = connection.isV2
      ? expiresAtMs - EXPIRY_NOTICE_MS
      : expiresAtMs + EXPIRY_GRACE_MS - EXPIRY_MARGIN_MS;
    this.#deps.sweeper.deadlineMoved(connection);
  }

  #expiryDue(connection: Connection): void {
    const { identity } = connection;
    if (identity === null || this.closeIfExpired(connection)) return;
    if (connection.isV2 && !connection.isExpiryAnnounced) {
      connection.isExpiryAnnounced = true;
      connection.send(encodeTokenExpiring(identity.expiresAtMs));
    }
    connection.deadlineAtMs = identity.expiresAtMs + EXPIRY_GRACE_MS - EXPIRY_MARGIN_MS;
    this.#deps.sweeper.deadlineMoved(connection);
  }

  #refuse(connection: Connection, reason: RefusalReason): void {
    this.#deps.refused(connection, reason);
    if (reason === 'unavailable') {
      // Nobody can say whether the token is good; the client comes back in a moment.
      connection.close(1012);
      return;
    }
    connection.send(encodeError({ code: 'unauthorized' }));
    if (reason === 'expired') connection.close(4001);
    else connection.close(4500);
  }
}

/** Whether a standing lets a user in now: a suspension holds until the time the database names. */
function mayConnect(
  standing: Pick<UserStanding, 'mayConnect' | 'suspendedUntilMs'>,
  nowMs: number,
): boolean {
  if (standing.mayConnect) return true;
  return standing.suspendedUntilMs !== null && standing.suspendedUntilMs <= nowMs;
}
