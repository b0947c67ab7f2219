/**
 * Changes of user rows: who may hold a connection. A rename gives no event; the name cache reads the change itself.
 */
import type { UserChange, UserImage } from './row-change.ts';
import type { RowEvents } from './row-events.ts';

/**
 * Applies one user row. Where a partial image (row image MINIMAL) does not say whether the user may connect, his
 * standing did not change; a new user's has nobody to tell.
 */
export function translateUserChange(change: UserChange, out: RowEvents): void {
  switch (change.kind) {
    case 'insert':
      return;
    case 'update': {
      const mayConnect = change.after.mayConnect ?? change.before.mayConnect;
      if (mayConnect !== undefined && standingChanged(change.before, change.after)) {
        const until = endOfSuspension(change.before, change.after);
        standing(change, mayConnect, mayConnect ? null : until, out);
      }
      return;
    }
    case 'delete':
      standing(change, false, null, out);
  }
}

function standing(
  change: UserChange,
  mayConnect: boolean,
  suspendedUntilMs: number | null,
  out: RowEvents,
): void {
  const { userId } = change;
  const eventId = out.nextId();
  out.add({ type: 'UserStandingChanged', eventId, userId, mayConnect, suspendedUntilMs });
}

/** A partial before image without the column means that it changed: MINIMAL logs only what did. */
function standingChanged(before: UserImage, after: UserImage): boolean {
  if (after.mayConnect !== undefined && after.mayConnect !== before.mayConnect) {
    return true;
  }
  const mayConnect = after.mayConnect ?? before.mayConnect;
  return (
    mayConnect === false &&
    after.suspendedUntilMs !== undefined &&
    after.suspendedUntilMs !== before.suspendedUntilMs
  );
}

function endOfSuspension(before: UserImage, after: UserImage): number | null {
  return after.suspendedUntilMs !== undefined
    ? after.suspendedUntilMs
    : (before.suspendedUntilMs ?? null);
}
