/**
 * Keeps two of us from reading one server under one id. A server that gets a second reader with the id of another cuts
 * off the first, which comes back and cuts off the second, for ever; and what it knows of its readers it does not tell
 * to everyone. So the connection that is to carry the dump first takes a named lock of that id (`GET_LOCK`, which needs
 * no right and locks no data). The lock lives as long as the connection: whoever does not get it asks for no dump.
 */
import { AppError } from '../../src/errors.ts';

/** What of a driver's connection is needed: commands are sent in the order of these calls. */
export interface CommandQueue {
  query(sql: string): {
    on(event: 'result' | 'error', listener: (value: unknown) => void): unknown;
  };
}

/** Outlives the connections of one tail. */
export interface ServerIdClaim {
  /** The server's number of the connection that got the lock last; null before. */
  connectionId: number | null;
}

/** Seconds to wait for the lock when it may be our own last connection that the server has not buried yet. */
const GHOST_WAIT_S = 3;

/**
 * Queues the claim, to be called right before the dump command is queued. `onTaken` is called synchronously with the
 * answer: a connection destroyed in it never sends the dump. A server without such locks is used without.
 */
export function claimServerId(
  connection: CommandQueue,
  { serverId, claim }: { readonly serverId: number; readonly claim: ServerIdClaim },
  onTaken: (error: AppError) => void,
): void {
  const name = `'gavelcast/server-id/${serverId.toString()}'`;
  const ghost = claim.connectionId?.toString() ?? null;
  const ignore = (): void => undefined;
  if (ghost !== null) {
    // Only while it is the one that holds this very lock: connection numbers start anew with the server.
    const sql = `KILL CONNECTION IF(IS_USED_LOCK(${name}) = ${ghost}, ${ghost}, NULL)`;
    connection.query(sql).on('error', ignore);
  }
  const waitS = ghost === null ? '0' : GHOST_WAIT_S.toString();
  const question = connection.query(
    `SELECT GET_LOCK(${name}, ${waitS}) AS isOurs, IS_USED_LOCK(${name}) AS holder, CONNECTION_ID() AS own`,
  );
  question.on('error', ignore);
  question.on('result', (row) => {
    const { isOurs, holder, own } = readAnswer(row);
    if (isOurs === 0) onTaken(conflict(serverId, holder));
    else claim.connectionId = own;
  });
}

function conflict(serverId: number, holder: number | null): AppError {
  const who =
    holder === null ? 'another connection' : `connection ${holder.toString()} of the server`;
  return new AppError(
    'SERVER_ID_CONFLICT',
    `another Gavelcast (${who}) reads this binlog with server id ${serverId.toString()}: ` +
      'give each its own SERVER_ID, or leave it out so that a free one is derived',
  );
}

function readAnswer(row: unknown): Record<'isOurs' | 'holder' | 'own', number | null> {
  const cell = (name: string): number | null => {
    const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, name) : null;
    return value === null || value === undefined ? null : Number(value);
  };
  return { isOurs: cell('isOurs'), holder: cell('holder'), own: cell('own') };
}
